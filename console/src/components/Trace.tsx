import { useQuery } from '@tanstack/react-query'
import { Spin, Tag, Tooltip } from 'antd'
import { manage, part, request, type Traced } from '../api'
import { useText } from '../i18n'
import { Failure } from './Failure'
import { ms, when } from './format'

interface Bar { key: string; name: string; depth: number; start: number; took: number; note: string; bad?: boolean; color: string }

/** The spans of an invocation and of those that it made, in the order in which they are drawn. */
function bars(t: Traced, at: number, depth: number, queue: string): Bar[] {
  const trace = t.trace
  if (!trace) return []
  const list: Bar[] = []
  if (trace.gatewayMs > 0) list.push({ key: `${t.id}-gateway`, name: 'gateway', depth, start: at - trace.gatewayMs, took: trace.gatewayMs, note: '', color: '#8c8c8c' })
  list.push({ key: `${t.id}-queue`, name: queue, depth, start: at, took: trace.queueMs, note: t.cold ? 'cold' : '', color: '#fa8c16' })
  list.push({ key: `${t.id}-run`, name: t.function, depth, start: at + trace.queueMs, took: trace.runMs, note: '', color: '#1677ff', bad: !!t.reason })
  trace.calls.forEach((c, n) => {
    const plans = (c.plans ?? []).map(p => (p.index ? `index ${p.index}` : `scan of ${p.collection}`)).join(', ')
    list.push({ key: `${t.id}-${n}`, name: `${c.operation}${c.target ? ` ${c.target}` : ''}`, depth: depth + 1, start: at + c.startMs, took: c.tookMs, note: c.reason ?? plans, bad: !!c.reason, color: '#13a8a8' })
    const child = t.children?.find(x => x.id === c.child)
    if (child) list.push(...bars(child, at + c.startMs, depth + 2, queue))
  })
  return list
}

/** Where the time of an invocation went, as a waterfall. */
export function Trace({ app, id }: { app: string; id: string }) {
  const { t } = useText()
  const found = useQuery({ queryKey: ['trace', app, id], queryFn: () => request<Traced>('GET', manage(app, `/logs/${part(id)}`)), retry: false })
  if (found.isPending) return <Spin />
  if (found.error) return <Failure error={found.error} />
  const i = found.data
  const gateway = i.trace?.gatewayMs ?? 0
  const total = Math.max(gateway + i.durationMs, 0.001)
  return (
    <div data-testid="trace">
      <div className="log-head">
        <span className="mono">{when(i.startedAt)}</span>{i.reason ? <Tag color="error">{i.reason}</Tag> : <Tag color="success">ok</Tag>}<Tag>{ms(i.durationMs)}</Tag>
        <span className="muted mono wraps">{i.id}</span>
      </div>
      <div className="trace">
        {bars(i, gateway, 0, t('queueTime')).map(b => (
          <div key={b.key} className="trace-row">
            <span className="trace-name" style={{ paddingLeft: b.depth * 10 }}>{b.name}</span>
            <Tooltip title={`${ms(b.took)}${b.note ? ` · ${b.note}` : ''}`}>
              <span className="trace-lane"><span style={{ left: `${Math.min(99, Math.max(0, (100 * b.start) / total))}%`, width: `${Math.max(0.5, Math.min(100, (100 * b.took) / total))}%`, background: b.bad ? '#f5222d' : b.color }} /></span>
            </Tooltip>
            <span className="trace-note muted">{ms(b.took)} {b.note}</span>
          </div>
        ))}
      </div>
      {!!i.trace?.omitted && <p className="muted">+ {i.trace.omitted}</p>}
      {i.message && <pre className="document mono log-error">{i.message}{i.stack ? `\n${i.stack}` : ''}</pre>}
    </div>
  )
}
