// The parts of ECharts that the explorer draws with; everything else is left out of the bundle.
import { BarChart, LineChart } from "echarts/charts";
import { DataZoomInsideComponent, GridComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([
  BarChart,
  CanvasRenderer,
  DataZoomInsideComponent,
  GridComponent,
  LineChart,
  TooltipComponent,
]);

export { init };
