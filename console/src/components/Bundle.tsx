import { useQuery } from '@tanstack/react-query'
import { Alert, Card, Empty, Spin, Statistic, Table, Tag } from 'antd'
import { request, type FunctionReport } from '../api'
import { useText } from '../i18n'
import { Failure } from './Failure'
import { bytes, when } from './format'

const tones: Record<string, string> = { critical: 'red', high: 'red', moderate: 'orange' }

/** What the live version holds: its size, the packages that make it so, what is missing, what is known to be vulnerable. */
export function Bundle({ base, version }: { base: string; version: number }) {
  const { t } = useText()
  const report = useQuery({ queryKey: ['report', base, version], queryFn: () => request<FunctionReport>('POST', `${base}/report`, { version }), staleTime: 60_000 })
  if (report.error) return <Failure error={report.error} />
  if (!report.data) return <Spin />
  const r = report.data
  return (
    <div data-testid="bundle">
      <div className="tiles">
        <Card size="small"><Statistic title={t('size')} value={bytes(r.sizeBytes)} /></Card>
        <Card size="small"><Statistic title={t('source')} value={bytes(r.sourceBytes)} /></Card>
        <Card size="small"><Statistic title={t(r.codeBytes ? 'script' : 'packages')} value={bytes(r.codeBytes || r.moduleBytes)} /></Card>
        <Card size="small"><Statistic title={t('installed')} value={bytes(r.installedBytes)} /></Card>
      </div>
      {r.missing.length > 0 && <Alert type="error" showIcon style={{ marginTop: 16 }} title={t('missing')} description={r.missing.map(m => <div key={m.name} className="wraps"><b className="mono">{m.name}</b> · {m.files.join(', ')}</div>)} />}
      {r.advisories.length > 0 && <Alert type="warning" showIcon style={{ marginTop: 16 }} title={t('vulnerable')} description={r.advisories.map(a => (
        <div key={a.package + a.version + a.url + a.title} className="wraps"><b className="mono">{a.package}@{a.version}</b> <Tag color={tones[a.severity]}>{a.severity}</Tag> {a.url?.startsWith('https://') ? <a href={a.url} target="_blank" rel="noreferrer">{a.title}</a> : a.title} <span className="muted">{a.range}</span></div>
      ))} />}
      <p className="muted wraps">{r.unchecked ? `${t('unchecked')}: ${r.unchecked}` : r.packageCount > 0 && r.advisories.length === 0 ? `${t('noVulnerable')} · ${when(r.checkedAt)}` : ''}</p>
      {r.packageCount === 0 ? <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('noPackages')} /> : (
        <Table rowKey={p => `${p.name}@${p.version}`} size="small" dataSource={r.packages} pagination={false}
          columns={[
            { title: `${t('packages')} · ${r.packageCount}`, render: (_, p) => <span className="mono wraps">{p.name}</span> },
            { title: t('version'), render: (_, p) => p.version },
            { title: t('size'), align: 'right', render: (_, p) => bytes(p.bytes) },
          ]} />
      )}
    </div>
  )
}
