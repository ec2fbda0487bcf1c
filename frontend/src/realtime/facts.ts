/**
 * What one view of the page found out that another can use: when a step's tokens came, and which questions are open.
 * A timeline has no part in a data channel, yet can draw the first token of a step if a stream beside it saw it.
 */

export interface TokenFacts {
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

export interface QuestionFact {
  readonly run_id: string;
  readonly hash: string;
  readonly text: string;
  reveal(): void;
}

/** Tokens come faster than anybody looks at what another view learned from them. */
const TOKENS_TOLD_EVERY_MS = 250;

export class Facts {
  private readonly tokens = new Map<string, TokenFacts>();
  private readonly questions = new Map<object, readonly QuestionFact[]>();
  private readonly listeners = new Set<() => void>();
  /** Grows with every change, for those who keep what they derived. */
  version = 0;
  private later: ReturnType<typeof setTimeout> | undefined;

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  setTokens(run_id: string, step_id: string, attempt: number, facts: TokenFacts): void {
    this.tokens.set(key(run_id, step_id, attempt), facts);
    this.version += 1;
    this.later ??= setTimeout(() => this.changed(), TOKENS_TOLD_EVERY_MS);
  }

  tokensOf(run_id: string, step_id: string, attempt: number): TokenFacts | undefined {
    return this.tokens.get(key(run_id, step_id, attempt));
  }

  /** Replaces what one view (the owner) says about its open questions; an empty list forgets it. */
  setQuestions(owner: object, questions: readonly QuestionFact[]): void {
    if (questions.length) this.questions.set(owner, questions);
    else this.questions.delete(owner);
    this.changed();
  }

  questionsOf(run_id: string): QuestionFact[] {
    return [...this.questions.values()].flat().filter((question) => question.run_id === run_id);
  }

  private changed(): void {
    clearTimeout(this.later);
    this.later = undefined;
    this.version += 1;
    for (const listener of [...this.listeners]) listener();
  }
}

const key = (run: string, step: string, attempt: number): string => `${run}\n${step}\n${attempt}`;
