// Looking again by itself every 30 seconds, while somebody can see it.

const PERIOD = 30_000;

/** Call `again` every 30 s while `isWanted()` and the tab is visible; a tab that comes back after
    longer is refreshed at once. */
export class Refresh {
  constructor(isWanted, again) {
    this.isWanted = isWanted;
    this.again = again;
    this.last = 0;
    setInterval(() => this.look(), 1000);
    document.addEventListener("visibilitychange", () => this.look());
  }

  /** Data have just arrived, or can't before `pause` milliseconds from now. */
  done(pause = 0) {
    this.last = Date.now() + pause;
  }

  look() {
    if (document.hidden || !this.isWanted() || Date.now() - this.last < PERIOD) return;
    this.done();
    this.again();
  }
}
