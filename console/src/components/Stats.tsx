import { useQuery } from '@tanstack/react-query'
import { Card, Empty, Segmented, Spin, Statistic, Table } from 'antd'
import { useMemo, useState } from 'react'
import { Link } from 'react-router-dom'
import { manage, part, request, type FunctionStats, type StatsBucket } from '../api'
import { useText, type TextKey } from '../i18n'
import { Chart } from './Chart'
import { Failure } from './Failure'
import { bytes, ms } from './format'

interface Reply { stepSeconds: number; buckets: StatsBucket[]; total: StatsBucket; functions?: FunctionStats[] }

const ranges: { key: TextKey; seconds: number; step: number }[] = [
  { key: 'lastHour', seconds: 3600, step: 60 }, { key: 'lastDay', seconds: 86_400, step: 60 },
  { key: 'lastWeek', seconds: 7 * 86_400, step: 3600 }, { key: 'lastMonth', seconds: 30 * 86_400, step: 3600 },
]

/** What an app's functions did, or one of them, over a time that can be chosen. */
export function Stats({ app, name, dark }: { app: string; name?: string; dark: boolean }) {
  const { t } = useText()
  const [chosen, choose] = useState<TextKey>('lastHour')
  const range = ranges.find(r => r.key === chosen)!
  const stats = useQuery({
    queryKey: ['stats', app, name, chosen], refetchInterval: range.step === 60 ? 10_000 : 60_000, placeholderData: old => old,
    queryFn: () => request<Reply>('POST', manage(app, '/stats'), {
      function: name, from: new Date(Date.now() - range.seconds * 1000).toISOString(), stepSeconds: range.step, functions: !name,
    }),
  })
  const series = useMemo(() => {
    const buckets = stats.data?.buckets ?? []
    const line = (label: string, color: string, value: (b: StatsBucket) => number | null) => ({ label, color, values: buckets.map(value) })
    const called = (value: (b: StatsBucket) => number) => (b: StatsBucket) => (b.calls ? value(b) : null)
    const step = stats.data?.stepSeconds ?? 60
    return {
      times: buckets.map(b => Date.parse(b.time) / 1000),
      calls: [line(t('calls'), '#1677ff', b => b.calls), line(t('errorsPerSecond'), '#f5222d', b => b.errors)],
      latency: [line('p50', '#13a8a8', called(b => b.p50Ms)), line('p95', '#1677ff', called(b => b.p95Ms)), line('p99', '#fa8c16', called(b => b.p99Ms))],
      starts: [line(t('coldStarts'), '#722ed1', b => b.coldStarts)],
      queue: [line(t('mean'), '#13a8a8', called(b => b.queueMs)), line(t('longest'), '#fa8c16', called(b => b.queueMaxMs))],
      cpu: [line(t('processor'), '#1677ff', b => b.cpuMs / (step * 10))],
      memory: [line(t('memory'), '#52c41a', b => b.memoryBytes / (1 << 20))],
    }
  }, [stats.data, t])
  if (stats.isPending) return <Spin />
  if (stats.error) return <Failure error={stats.error} />
  const { total, functions } = stats.data
  const chart = (title: string, lines: { label: string; color: string; values: (number | null)[] }[], unit = '') => (
    <Card size="small" title={title}><Chart times={series.times} lines={lines} dark={dark} timeLabel={t('time')} unit={unit} dates={range.seconds > 86_400} /></Card>
  )
  return (
    <div data-testid="stats">
      <Segmented style={{ marginBottom: 12 }} value={chosen} onChange={v => choose(v)} options={ranges.map(r => ({ value: r.key, label: t(r.key) }))} />
      <div className="tiles">
        <Card size="small"><Statistic title={t('calls')} value={total.calls} /></Card>
        <Card size="small"><Statistic title={t('errorsPerSecond')} value={total.errors} /></Card>
        <Card size="small"><Statistic title={t('coldStarts')} value={total.coldStarts} /></Card>
        <Card size="small"><Statistic title="p50" value={ms(total.p50Ms)} /></Card>
        <Card size="small"><Statistic title="p95" value={ms(total.p95Ms)} /></Card>
        <Card size="small"><Statistic title="p99" value={ms(total.p99Ms)} /></Card>
      </div>
      {total.calls === 0 ? <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('noCalls')} /> : (
        <>
          <div className="charts">
            {chart(`${t('calls')} · ${t(stats.data.stepSeconds === 60 ? 'perMinute' : 'perHour')}`, series.calls)}
            {chart(t('latency'), series.latency, ' ms')}
            {chart(t('coldStarts'), series.starts)}
            {chart(t('queueTime'), series.queue, ' ms')}
            {chart(t('processor'), series.cpu, ' %')}
            {chart(t('memory'), series.memory, ' MiB')}
          </div>
          {functions && (
            <Table<FunctionStats> rowKey="name" size="small" dataSource={functions.filter(f => f.calls > 0)} pagination={{ pageSize: 20, hideOnSinglePage: true }} scroll={{ x: 'max-content' }}
              columns={[
                { title: t('function'), render: (_, f) => <Link className="wraps" to={`/${app}/functions/${part(f.name)}/metrics`}>{f.name}</Link> },
                { title: t('calls'), align: 'right', dataIndex: 'calls' },
                { title: t('errorsPerSecond'), align: 'right', dataIndex: 'errors' },
                { title: t('coldStarts'), align: 'right', dataIndex: 'coldStarts' },
                { title: 'p50', align: 'right', render: (_, f) => ms(f.p50Ms) },
                { title: 'p99', align: 'right', render: (_, f) => ms(f.p99Ms) },
                { title: t('processor'), align: 'right', render: (_, f) => ms(f.cpuMs) },
                { title: t('memory'), align: 'right', render: (_, f) => bytes(f.memoryBytes) },
              ]} />
          )}
        </>
      )}
    </div>
  )
}
