// Drawing a range on the chart with the mouse to look at it closer, and clicking a point.

const SMALLEST = 5; // pixels below which a drag was meant as a click

/** Let a drag call `onRange` with two instants (epoch seconds), a click or tap `onPoint` with one. */
export function selecting(chart, onRange, onPoint) {
  const { element } = chart;
  const band = document.createElement("div");
  band.className = "lp-chart-band";
  band.hidden = true;
  element.append(band);
  let start = null;

  const place = (event) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.shiftKey) return;
    const at = place(event);
    if (chart.instantAt(at.x, at.y) === null) return;
    start = { ...at, isMouse: event.pointerType === "mouse" };
    if (start.isMouse) element.setPointerCapture(event.pointerId);
  });

  element.addEventListener("pointermove", (event) => {
    if (!start || !start.isMouse) return;
    const { x } = place(event);
    band.hidden = Math.abs(x - start.x) < SMALLEST;
    band.style.left = `${Math.min(x, start.x)}px`;
    band.style.width = `${Math.abs(x - start.x)}px`;
  });

  element.addEventListener("pointerup", (event) => {
    if (!start) return;
    const { x, y } = place(event);
    const began = start;
    cancel();
    if (Math.abs(x - began.x) < SMALLEST) {
      onPoint(chart.instantAt(began.x, began.y));
    } else if (began.isMouse) {
      const ends = [began.x, x].sort((a, b) => a - b).map((one) => within(chart, one, y));
      if (ends[0] < ends[1]) onRange(ends);
    }
  });

  const cancel = () => {
    start = null;
    band.hidden = true;
  };
  element.addEventListener("pointercancel", cancel);
  return { cancel };
}

function within(chart, x) {
  const instant = chart.echarts.convertFromPixel({ xAxisIndex: 0 }, x) / 1000;
  const [from, to] = chart.part();
  return Math.max(from, Math.min(to, instant));
}
