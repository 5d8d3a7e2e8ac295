import { useInfiniteQuery } from '@tanstack/react-query'
import { Badge, Button, Checkbox, Empty, Input, Modal, Select, Spin, Tag } from 'antd'
import { useEffect, useMemo, useState } from 'react'
import { follow, manage, part, request, type Invocation } from '../api'
import { useText } from '../i18n'
import { Failure } from './Failure'
import { ms, when } from './format'
import { Trace } from './Trace'

interface Page { invocations: Invocation[]; more?: string }

/** Invocations of a function: the recent ones that pass the filter, and new ones as they end. */
export function Logs({ app, name }: { app: string; name: string }) {
  const { t } = useText()
  const [level, setLevel] = useState('')
  const [search, setSearch] = useState('')
  const [failed, setFailed] = useState(false)
  const [traced, trace] = useState<string>()
  const recent = useInfiniteQuery({
    queryKey: ['logs', app, name, level, search, failed], initialPageParam: '',
    queryFn: ({ pageParam }) => request<Page>('POST', manage(app, '/logs'), { function: name, limit: 100, level, search, failed, before: pageParam }),
    getNextPageParam: last => last.more || undefined,
    staleTime: 0, gcTime: 0, // what came since a filter was last used has been thrown away with it
  })
  const [fresh, setFresh] = useState<Invocation[]>([])
  const [live, setLive] = useState(false)

  useEffect(() => {
    const stop = new AbortController()
    setFresh([])
    let timer: ReturnType<typeof setTimeout>
    const listen = () => {
      setLive(true)
      follow<Invocation>(manage(app, `/logs/stream?function=${part(name)}&level=${level}&search=${part(search)}&failed=${failed}`), i => setFresh(list => [i, ...list].slice(0, 500)), stop.signal)
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
  }, [app, name, level, search, failed])

  const all = useMemo(() => {
    const seen = new Set(fresh.map(i => i.id))
    return [...fresh, ...(recent.data?.pages ?? []).flatMap(p => p.invocations).filter(i => !seen.has(i.id))]
  }, [fresh, recent.data])
  return (
    <>
      <div className="log-head" style={{ marginBottom: 8 }}>
        <Badge status={live ? 'processing' : 'default'} text={t('follow')} />
        <Input.Search aria-label={t('search')} placeholder={t('searchLogs')} allowClear onSearch={text => setSearch(text.trim())} style={{ flex: '1 1 200px' }} />
        <Select aria-label={t('level')} value={level} onChange={setLevel} style={{ width: 130 }} options={[{ value: '', label: t('anyLevel') }, ...['info', 'warn', 'error'].map(value => ({ value, label: `≥ ${value}` }))]} />
        <Checkbox checked={failed} onChange={e => setFailed(e.target.checked)}>{t('onlyFailures')}</Checkbox>
      </div>
      {recent.isPending ? <Spin /> : recent.error ? <Failure error={recent.error} /> : all.length === 0 && <Empty description={t('waitingForCalls')} />}
      {all.map(i => (
        <div key={i.id} className="log">
          <div className="log-head">
            <span className="mono">{when(i.startedAt)}</span>
            {i.reason ? <Tag color="error">{i.reason}</Tag> : <Tag color="success">ok</Tag>}
            <Tag>{ms(i.durationMs)}</Tag>{i.cold && <Tag color="cyan">{t('cold')}</Tag>}
            <span className="muted">v{i.version} · {i.source}{i.user ? ` · ${i.user}` : ''} · {i.id.slice(0, 12)}</span>
            <Button size="small" type="link" onClick={() => trace(i.id)}>{t('trace')}</Button>
          </div>
          {(i.message || !!i.lines?.length) && (
            <div className="log-lines mono">
              {i.lines?.map((l, n) => <div key={n} className={`log-${l.level}`}>{l.message}</div>)}
              {i.message && <div className="log-error">{i.message}</div>}
            </div>
          )}
        </div>
      ))}
      {recent.hasNextPage && <Button style={{ marginTop: 12 }} loading={recent.isFetchingNextPage} onClick={() => recent.fetchNextPage()}>{t('more')}</Button>}
      <Modal open={!!traced} onCancel={() => trace(undefined)} footer={null} width={900} title={t('trace')} destroyOnHidden>
        {traced && <Trace app={app} id={traced} />}
      </Modal>
    </>
  )
}
