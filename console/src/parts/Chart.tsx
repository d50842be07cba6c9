import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

const HEIGHT = 220;

export interface Series {
  readonly label: string;
  /** One value a day; null: none known. */
  readonly values: readonly (number | null)[];
}

/** Bars by day. What it shows stands in a table beside it too, for those who do not see it. */
export function Chart({
  days,
  series,
}: {
  readonly days: readonly string[];
  readonly series: Series;
}) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const place = box.current;
    if (place === null) return;
    const style = getComputedStyle(place);
    const colour = style.getPropertyValue('--chart');
    const axis = {
      stroke: style.color,
      grid: { stroke: style.getPropertyValue('--line'), width: 1 },
    };
    const bars = uPlot.paths.bars?.({ size: [0.7] });
    const plot = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        // Half a bar of room on both sides.
        scales: { x: { time: false, range: [-0.5, days.length - 0.5] } },
        axes: [
          { ...axis, values: (_self, ticks) => ticks.map((tick) => days[tick]?.slice(5) ?? '') },
          { ...axis, size: 64 },
        ],
        series: [
          {},
          {
            label: series.label,
            fill: colour,
            stroke: colour,
            points: { show: false },
            ...(bars === undefined ? {} : { paths: bars }),
          },
        ],
      },
      [days.map((_day, i) => i), [...series.values]],
      place,
    );
    const observer = new ResizeObserver(() => {
      plot.setSize({ width: place.clientWidth, height: HEIGHT });
    });
    observer.observe(place);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [days, series]);
  return <div ref={box} className="chart" role="img" aria-label={series.label} />;
}
