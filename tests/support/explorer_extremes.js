// Draws 10,000 points of noise with extremes beside each other, beside gaps and alone, as a whole
// and zoomed; what the chart draws of them goes back to the test.
async () => {
  const [{ Chart }, { withGaps }] = await Promise.all(
    ["chart", "gaps"].map((name) => import(`/static/console/explorer/${name}.js`)),
  );
  const NUMBER = 10_000;
  const extremes = { 4000: 100, 4001: -100, 6989: 200, 7000: -200, 8005: 300 };
  const missing = [[4002, 4040], [6990, 6999], [8000, 8004], [8006, 8010]];
  const points = [];
  for (let n = 0; n < NUMBER; n += 1) {
    if (missing.some(([first, last]) => n >= first && n <= last)) continue;
    points.push({ timestamp: n * 60, avgVal: extremes[n] ?? Math.sin(n * n) });
  }
  const pairs = withGaps(points, "avgVal", 60);
  const breaks = pairs.pairs.filter((pair) => pair[1] === null).map((pair) => pair[0]);

  const place = document.createElement("div");
  Object.assign(place.style, { width: "800px", height: "300px" });
  document.body.append(place);
  const chart = new Chart(place, () => {});
  const frames = async () => {
    for (let n = 0; n < 3; n += 1) await new Promise(requestAnimationFrame);
  };
  const drawn = () => {
    const data = chart.echarts.getModel().getSeries()[0].getData();
    const found = [];
    for (let at = 0; at < data.count(); at += 1) found.push([data.get("x", at), data.get("y", at)]);
    const values = found.map((pair) => pair[1]).filter((value) => !Number.isNaN(value));
    const joined = breaks.filter((instant) =>
      found.some(([x, y], at) => {
        const next = found[at + 1];
        return next && x < instant && next[0] > instant && !Number.isNaN(y) && !Number.isNaN(next[1]);
      }),
    );
    const marked = found.filter((pair, at) => data.getItemVisual(at, "symbol") === "circle" && data.getRawDataItem(at).symbol);
    return {
      count: found.length,
      greatest: Math.max(...values),
      least: Math.min(...values),
      joined: joined.length,
      alone: marked.map((pair) => pair[0] / 60_000),
    };
  };
  const shown = async (from, to) => {
    chart.zoomTo([from * 60, to * 60]);
    await frames();
    return drawn();
  };
  const series = [{ key: "all", name: "all", colour: 0, isHidden: false, isBefore: false, shift: 0, ...pairs }];
  chart.draw({
    range: { from: 0, to: NUMBER * 60 },
    series,
    points: points.length,
    gaps: pairs.gaps,
    kind: "line",
    zone: "utc",
    zoom: null,
    openFrom: null,
    minSpan: 120,
  });
  await frames();
  const result = {
    breaks: breaks.length,
    whole: drawn(),
    half: await shown(3000, 7500),
    spike: await shown(3900, 4000.5),
    back: await shown(0, NUMBER),
  };
  chart.echarts.dispose();
  place.remove();
  return result;
}
