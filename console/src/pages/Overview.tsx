import { useQuery } from '@tanstack/react-query'
import { Card, Empty, Spin, Statistic, Tag } from 'antd'
import { useMemo } from 'react'
import { Link } from 'react-router-dom'
import { manage, request, type Invocation, type Metrics } from '../api'
import { Chart } from '../components/Chart'
import { Failure } from '../components/Failure'
import { Stats } from '../components/Stats'
import { bytes, ms, when } from '../components/format'
import { useText } from '../i18n'

export function Overview({ app, dark }: { app: string; dark: boolean }) {
  const { t } = useText()
  const metrics = useQuery({ queryKey: ['metrics', app], queryFn: () => request<Metrics>('GET', manage(app, '/metrics')), refetchInterval: 2000 })
  const failures = useQuery({
    queryKey: ['failures', app], refetchInterval: 5000,
    queryFn: () => request<{ invocations: Invocation[] }>('POST', manage(app, '/logs'), { limit: 200 }).then(r => r.invocations.filter(i => i.reason).slice(0, 8)),
  })
  const series = useMemo(() => {
    const buckets = metrics.data?.buckets ?? []
    const per = metrics.data?.bucketSeconds || 1
    return {
      times: buckets.map(b => Date.parse(b.time) / 1000),
      rate: [
        { label: t('callsPerSecond'), color: '#1677ff', values: buckets.map(b => b.calls / per) },
        { label: t('errorsPerSecond'), color: '#f5222d', values: buckets.map(b => b.errors / per) },
      ],
      latency: [
        { label: 'p50', color: '#13a8a8', values: buckets.map(b => (b.calls ? b.p50Ms : null)) },
        { label: 'p99', color: '#fa8c16', values: buckets.map(b => (b.calls ? b.p99Ms : null)) },
      ],
    }
  }, [metrics.data, t])
  if (metrics.isPending) return <Spin />
  if (metrics.error) return <Failure error={metrics.error} />
  const m = metrics.data
  const recent = m.buckets.slice(-Math.ceil(10 / (m.bucketSeconds || 1)))
  const calls = recent.reduce((n, b) => n + b.calls, 0)
  return (
    <>
      <div className="page-head"><h1>{t('overview')}</h1><Tag>{t('isolation')}: {m.isolation}</Tag></div>
      <div className="tiles">
        <Card size="small"><Statistic title={t('callsPerSecond')} value={calls / 10} precision={1} /></Card>
        <Card size="small"><Statistic title={t('functions')} value={m.functions} /></Card>
        <Card size="small"><Statistic title={t('collections')} value={m.collections} /></Card>
        <Card size="small"><Statistic title={t('documentCount')} value={m.documents} /></Card>
        <Card size="small"><Statistic title={t('storedData')} value={bytes(m.bytes)} /></Card>
        <Card size="small"><Statistic title={t('users')} value={m.users} /></Card>
      </div>
      <div className="charts">
        <Card size="small" title={`${t('callsPerSecond')} · ${t('last5min')}`}><Chart times={series.times} lines={series.rate} dark={dark} timeLabel={t('time')} /></Card>
        <Card size="small" title={`${t('latency')} · ${t('last5min')}`}><Chart times={series.times} lines={series.latency} dark={dark} timeLabel={t('time')} unit=" ms" /></Card>
      </div>
      <Card size="small" title={t('metrics')} style={{ marginBottom: 16 }}><Stats app={app} dark={dark} /></Card>
      <Card size="small" title={t('recentErrors')}>
        {failures.data?.length ? failures.data.map(f => (
          <div key={f.id} className="log">
            <Link to={`/${app}/functions/${encodeURIComponent(f.function)}/logs`}>{f.function}</Link>
            <span className="muted"> · {when(f.startedAt)} · {ms(f.durationMs)} · </span><span className="mono">{f.reason}</span>
            <div className="log-error">{f.message}</div>
          </div>
        )) : <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('noErrors')} />}
      </Card>
    </>
  )
}
