/** The engine's time as far as this page can tell: the local clock, moved by what messages say. */

export class Clock {
  private skew: number | undefined;
  private newest = 0;

  constructor(private readonly local: () => number = () => Date.now()) {}

  now(): number {
    return Math.max(this.local() + (this.skew ?? 0), this.newest);
  }

  /** The engine's time at a moment of the local clock. */
  at(local: number): number {
    return local + (this.skew ?? 0);
  }

  /**
   * Learns from a message: a live one arrives just after it was created, a replayed one long after. So only live
   * ones may put the clock back, and any one may put it forward.
   */
  heard(createdAt: number, live: boolean): void {
    if (createdAt > this.newest) this.newest = createdAt;
    const ahead = createdAt - this.local();
    if (live) this.skew = Math.max(this.skew ?? -Infinity, ahead);
    else if (ahead > (this.skew ?? 0)) this.skew = ahead;
  }
}
