import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

interface Line { label: string; color: string; values: (number | null)[] }
interface Props { times: number[]; lines: Line[]; dark: boolean; unit?: string; height?: number }

/** Lines over time; resizes with its container. times are seconds since 1970. */
export function Chart({ times, lines, dark, unit = '', height = 220 }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  const names = lines.map(l => l.label).join()

  useEffect(() => {
    const element = host.current!
    const grid = { stroke: dark ? '#ffffff18' : '#00000012', width: 1 }
    const axis = { stroke: dark ? '#aaa' : '#666', grid, ticks: grid }
    const made = new uPlot({
      width: element.clientWidth || 400, height, cursor: { y: false },
      series: [{}, ...lines.map(l => ({ label: l.label, stroke: l.color, width: 2, fill: `${l.color}18`, points: { show: false }, value: (_: uPlot, v: number | null) => (v == null ? '–' : `${+v.toFixed(2)}${unit}`) }))],
      axes: [axis, { ...axis, size: 56, values: (_, ticks) => ticks.map(v => `${v}${unit}`) }],
      scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.15, 1)] } },
    }, [times, ...lines.map(l => l.values)] as uPlot.AlignedData, element)
    plot.current = made
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }))
    resized.observe(element)
    return () => {
      resized.disconnect()
      made.destroy()
    }
  }, [dark, names, unit, height])

  useEffect(() => plot.current?.setData([times, ...lines.map(l => l.values)] as uPlot.AlignedData), [times, lines])
  return <div ref={host} />
}
