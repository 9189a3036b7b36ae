// Runs the SQL editor's pure parts in the browser; what they decide goes back to the test.
async () => {
  const [places, offers, trial, checking] = await Promise.all(
    ["places", "offers", "trial", "checking"].map((name) => import(`/static/console/editor/${name}.js`)),
  );
  const text = "SELECT '😀', x\nFROM orders\n";
  const placed = (line, column) => {
    const place = places.placeOf(text, { line, column });
    return place && text.slice(place.from, place.to);
  };
  const orders = { schema: "", name: "orders", columns: [{ name: "at", type: "date" }] };
  const known = {
    text: "SELECT at AS LOAD_TIME_STAMP, r AS  FROM Orders",
    columns: ["LOAD_TIME_STAMP", "SEGMENT_1", "SEGMENT_2"],
    functions: ["now", "current_date"],
    tables: [orders, { schema: "", name: "refunds", columns: [{ name: "why", type: "text" }] }],
  };
  const labels = (before, options) => {
    const found = offers.offersAt(before, known, options);
    return found && [found.length, found.options.map((one) => one.label)];
  };
  const words = labels("SELECT a")[1];
  const can = { loader: "A", source: { allowsTests: true }, isSaved: true, text: "SELECT" };
  const asked = [];
  const refused = [];
  const answers = [429, 0, 403];
  const check = new checking.Checking(
    async () => {
      asked.push(Math.round(performance.now()));
      const status = answers.shift();
      if (status !== undefined) throw Object.assign(new Error("no"), { status, wait: 0.05 });
    },
    (refusal, seconds) => refused.push([refusal.status, seconds]),
  );
  for (let key = 0; key < 20; key += 1) check.soon({ now: true });
  await new Promise((done) => setTimeout(done, 400));
  return {
    placed: [placed(1, 8), placed(1, 13), placed(2, 6), placed(2, 12), placed(9, 1)],
    nowhere: placed(null, null),
    aliases: labels("SELECT at AS LOAD_TIME_STAMP, r AS "),
    placeholders: labels("WHERE at >= :f"),
    casts: labels("SELECT at::d"),
    afterDot: labels("SELECT o.a"),
    unasked: labels("SELECT "),
    asked: labels("SELECT ", { isAsked: true }) !== null,
    words: ["at", "why", "now", "GROUP"].map((word) => words.includes(word)),
    schema: offers.schemaOf([{ ...orders, schema: "shop" }, orders]),
    hindrances: [
      {}, { loader: "" }, { source: null }, { isSaved: false }, { source: { allowsTests: false } }, { text: " " },
    ].map((change) => trial.hindrance({ ...can, ...change })),
    questions: asked.length,
    refused,
  };
}
