import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { clock, day } from './format'

interface Line { label: string; color: string; values: (number | null)[] }
interface Props { times: number[]; lines: Line[]; dark: boolean; timeLabel: string; unit?: string; height?: number; dates?: boolean }

/** Whether values are so few that a line alone may not show them. */
const few = (values: ArrayLike<number | null | undefined>) => Array.from(values).filter(v => v != null).length < 12

/**
 * Lines over time; resizes with its container. times are seconds since 1970. The legend shows the values under the
 * pointer, else the newest. dates: the times span several days.
 */
export function Chart({ times, lines, dark, timeLabel, unit = '', height = 200, dates = false }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  const names = lines.map(l => l.label).join()

  useEffect(() => {
    const element = host.current!
    const grid = { stroke: dark ? '#ffffff18' : '#00000012', width: 1 }
    const axis = { stroke: dark ? '#aaa' : '#666', grid, ticks: grid, font: '12px system-ui, sans-serif' }
    const number = (v?: number | null) => (v == null ? '–' : `${+v.toFixed(v < 10 ? 2 : 1)}${unit}`)
    const newest = (u: uPlot, series: number, index: number | null) => u.data[series][index ?? u.data[0].length - 1]
    const made = new uPlot({
      width: element.clientWidth || 400, height, cursor: { y: false },
      series: [
        { label: timeLabel, value: (u, _, series, index) => (dates ? day : clock)(newest(u, series, index) as number, true) },
        ...lines.map(l => ({
          label: l.label, stroke: l.color, width: 2, fill: `${l.color}18`, points: { show: (u: uPlot, series: number) => few(u.data[series]), size: 5 }, spanGaps: true,
          value: (u: uPlot, _: number | null, series: number, index: number | null) => number(newest(u, series, index)),
        })),
      ],
      axes: [
        { ...axis, space: dates ? 90 : 42, values: (_, ticks) => ticks.map(v => (dates ? day(v, false) : clock(v, v % 60 !== 0))) },
        { ...axis, size: unit ? 74 : 60, values: (_, ticks) => ticks.map(v => `${v}${unit}`) },
      ],
      scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.15, 1)] } },
    }, [times, ...lines.map(l => l.values)] as uPlot.AlignedData, element)
    plot.current = made
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }))
    resized.observe(element)
    return () => {
      resized.disconnect()
      made.destroy()
    }
  }, [dark, names, timeLabel, unit, height, dates])

  useEffect(() => plot.current?.setData([times, ...lines.map(l => l.values)] as uPlot.AlignedData), [times, lines])
  return <div ref={host} className="chart" />
}
