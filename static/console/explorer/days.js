// Where the days of a loader's zone begin. No browser needed.

const DAY = 86400;
const LONGEST = 2 * DAY; // no day lasts so long

/** The first second of the day that an instant (epoch seconds) lies in. The zone is as the loader's
    facts tell it: an IANA name, or seconds ahead of UTC. A name that this browser doesn't know
    counts as UTC. */
export function dayStart(second, { timeZone, utcOffsetSeconds }) {
  const dates = timeZone ? datesOf(timeZone) : null;
  if (dates === null) {
    const offset = utcOffsetSeconds || 0;
    return Math.floor((second + offset) / DAY) * DAY - offset;
  }
  const dateAt = (at) => dates.format(at * 1000);
  const wanted = dateAt(second);
  // Clocks may change within the day, and at midnight itself: so look for where the date changes.
  let before = second - LONGEST;
  let within = second;
  while (within - before > 1) {
    const middle = Math.floor((before + within) / 2);
    if (dateAt(middle) === wanted) within = middle;
    else before = middle;
  }
  return within;
}

function datesOf(timeZone) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone, dateStyle: "short", calendar: "gregory" });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
