/** What readers ask of runs: cancel, retry, run again. */
import { dict, text } from "../wire";
import type { Link, Reply } from "../realtime/protocol";

export type Done = { readonly body: unknown; readonly problem?: undefined } | { readonly problem: string };

/** Posts to a run; `failure` begins the sentence that says why nothing came of it. */
export async function act(link: Link, run_id: string, what: string, failure: string, body?: object): Promise<Done> {
  const reply = await link.request("POST", `runs/${encodeURIComponent(run_id)}/${what}`, body).catch(() => null);
  if (reply && reply.status < 400) return { body: reply.body };
  return { problem: `${failure} ${reply ? refusal(reply) : "No connection; try again when the view is live."}` };
}

/** Brings an attempt forward that waits for the end of its backoff; of the whole run where no step is named. */
export async function retryNow(link: Link, run_id: string, hash?: string): Promise<string | undefined> {
  const { problem } = await act(link, run_id, "retry", "The attempt was not brought forward.", hash === undefined ? {} : { step: hash });
  return problem;
}

/** The server's own words for what it did not do. */
export function refusal(reply: Reply): string {
  return text(dict(reply.body).error) ?? `The server answered ${reply.status}.`;
}
