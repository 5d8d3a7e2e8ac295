import { useQuery } from '@tanstack/react-query'
import { Badge, Checkbox, Empty, Spin, Tag } from 'antd'
import { useEffect, useMemo, useState } from 'react'
import { follow, manage, part, request, type Invocation } from '../api'
import { useText } from '../i18n'
import { Failure } from './Failure'
import { ms, when } from './format'

/** Invocations of a function: the recent ones, and new ones as they end. */
export function Logs({ app, name }: { app: string; name: string }) {
  const { t } = useText()
  const recent = useQuery({ queryKey: ['logs', app, name], queryFn: () => request<{ invocations: Invocation[] }>('POST', manage(app, '/logs'), { function: name, limit: 100 }).then(r => r.invocations) })
  const [fresh, setFresh] = useState<Invocation[]>([])
  const [live, setLive] = useState(false)
  const [onlyFailures, setOnlyFailures] = useState(false)

  useEffect(() => {
    const stop = new AbortController()
    setFresh([])
    let timer: ReturnType<typeof setTimeout>
    const listen = () => {
      setLive(true)
      follow<Invocation>(manage(app, `/logs/stream?function=${part(name)}`), i => setFresh(list => [i, ...list].slice(0, 500)), stop.signal)
        .catch(() => {})
        .finally(() => {
          if (stop.signal.aborted) return
          setLive(false)
          timer = setTimeout(listen, 2000)
        })
    }
    listen()
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [app, name])

  const all = useMemo(() => {
    const seen = new Set(fresh.map(i => i.id))
    const list = [...fresh, ...(recent.data ?? []).filter(i => !seen.has(i.id))]
    return onlyFailures ? list.filter(i => i.reason) : list
  }, [fresh, recent.data, onlyFailures])
  if (recent.isPending) return <Spin />
  if (recent.error) return <Failure error={recent.error} />
  return (
    <>
      <div style={{ display: 'flex', justifyContent: 'space-between' }}>
        <Badge status={live ? 'processing' : 'default'} text={t('follow')} />
        <Checkbox checked={onlyFailures} onChange={e => setOnlyFailures(e.target.checked)}>{t('onlyFailures')}</Checkbox>
      </div>
      {all.length === 0 && <Empty description={t('waitingForCalls')} />}
      {all.map(i => (
        <div key={i.id} className="log">
          <div className="log-head">
            <span className="mono">{when(i.startedAt)}</span>
            {i.reason ? <Tag color="error">{i.reason}</Tag> : <Tag color="success">ok</Tag>}
            <Tag>{ms(i.durationMs)}</Tag>{i.cold && <Tag color="cyan">{t('cold')}</Tag>}
            <span className="muted">v{i.version} · {i.source}{i.user ? ` · ${i.user}` : ''} · {i.id.slice(0, 8)}</span>
          </div>
          {(i.message || !!i.lines?.length) && (
            <div className="log-lines mono">
              {i.lines?.map((l, n) => <div key={n} className={`log-${l.level}`}>{l.message}</div>)}
              {i.message && <div className="log-error">{i.message}</div>}
            </div>
          )}
        </div>
      ))}
    </>
  )
}
