// Instants as people read and type them, in their own zone or in UTC.

const pad = (number) => String(number).padStart(2, "0");

export const OWN = Intl.DateTimeFormat().resolvedOptions().timeZone || "local";

/** The zone's name as shown. */
export function zoneName(zone) {
  return zone === "utc" ? "UTC" : OWN;
}

/** `2026-01-31 10:00`, with seconds where there are any. */
export function shown(second, zone) {
  const at = parts(second, zone);
  const seconds = at.second ? `:${pad(at.second)}` : "";
  return `${at.year}-${pad(at.month)}-${pad(at.day)} ${pad(at.hour)}:${pad(at.minute)}${seconds}`;
}

/** The same in UTC, and saying so. */
export function inUtc(second) {
  return `${shown(second, "utc")} UTC`;
}

/** `10:00:05` of now, for "last updated". */
export function clock(second, zone) {
  const at = parts(second, zone);
  return `${pad(at.hour)}:${pad(at.minute)}:${pad(at.second)}`;
}

/** The value of a datetime-local input for an instant. */
export function typed(second, zone) {
  return shown(second, zone).replace(" ", "T").slice(0, 16);
}

/** Epoch seconds of a datetime-local input's value; null for none. */
export function read(value, zone) {
  const millis = Date.parse(zone === "utc" && value ? `${value}Z` : value);
  return Number.isNaN(millis) ? null : Math.floor(millis / 1000);
}

function parts(second, zone) {
  const at = new Date(second * 1000);
  const get = (name) => at[zone === "utc" ? `getUTC${name}` : `get${name}`]();
  return {
    year: get("FullYear"),
    month: get("Month") + 1,
    day: get("Date"),
    hour: get("Hours"),
    minute: get("Minutes"),
    second: get("Seconds"),
  };
}
