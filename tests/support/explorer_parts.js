// Runs the explorer's pure parts in the browser; what they decide goes back to the test.
async () => {
  const [address, buckets, gaps, times] = await Promise.all(
    ["address", "buckets", "gaps", "times"].map((name) => {
      return import(`/static/console/explorer/${name}.js`);
    }),
  );
  const plan = (query, grainSeconds, zone = { utcOffsetSeconds: 0 }) => {
    return buckets.planOf(address.parse(query), 1_000_030, { grainSeconds, ...zone });
  };
  const own = (from) => `?from=${from}&to=1000000&bucket=1d`;
  const india = { utcOffsetSeconds: 19_800 };
  const pairs = (stamps, ...rest) => gaps.withGaps(
    stamps.map((timestamp) => ({ timestamp, avgVal: 1 })), "avgVal", ...rest);
  const nonsense =
    "?range=9d&from=x&to=1&aggregation=<b>&bucket=1y&value=9&segments=x&zoom=2/1&limit=5";
  return {
    same: [
      "",
      "?loader=A&from=2026-01-10T00:00:00Z&to=2026-01-11T00:00:00Z&bucket=1h" +
        "&zoom=2026-01-10T01:00:00Z/2026-01-10T02:00:00Z",
      "?range=7d&aggregation=sum&value=recCount&kind=area&compare=week&zone=utc&refresh=off",
    ].filter((query) => address.format(address.parse(query)) !== query),
    nonsense: address.format(address.parse(nonsense)),
    auto: [[3600, 60], [86400, 60], [7 * 86400, 60], [86400, 3600], [366 * 86400, 60], [20 * 366 * 86400, null]]
      .map(([span, grain]) => buckets.autoBucket(span, grain)),
    plan: [plan("?range=1h", 60), plan("?bucket=1h", 60), plan("?aggregation=raw", null)],
    planOfDays: [
      plan("?range=1h&bucket=1d", 60, india),
      plan("?range=24h&bucket=1d", 60, { timeZone: "Europe/Berlin" }),
      plan(own(0), 60, india),
      plan(own(80_000), 60, india),
    ],
    gaps: [[0, 60, 120], [0, 60, 240], [0, 60, 240, 420]].map((stamps) => pairs(stamps, 60).gaps),
    lone: pairs([0, 60, 240, 420, 480], 60).lone,
    thinned: [gaps.thinnedBy(1000, 100), gaps.thinnedBy(100, 100), pairs([0, 600, 1200], 60, { thinned: 21 }).gaps],
    shifted: pairs([0], 60, { shift: 86400 }).pairs,
    times: [times.shown(0, "utc"), times.read("1970-01-01T01:00", "utc"), times.inUtc(61)],
  };
}
