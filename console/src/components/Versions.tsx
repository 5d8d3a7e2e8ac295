import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App as AntApp, Button, Drawer, Empty, InputNumber, Select, Space, Spin, Table, Tag } from 'antd'
import { useState } from 'react'
import { request, type Canary, type Fn, type FunctionDiff, type Version } from '../api'
import { useText } from '../i18n'
import { Failure } from './Failure'
import { bytes, ms, when } from './format'

interface Props { base: string; fn: Fn }

/** The versions of a function: which get which calls, what differs between them, moving calls from one to another. */
export function Versions({ base, fn }: Props) {
  const { t } = useText()
  const { message } = AntApp.useApp()
  const queries = useQueryClient()
  const [compare, setCompare] = useState<{ from: number; to: number }>()
  const list = useQuery({ queryKey: ['versions', base, fn.version, fn.updatedAt], queryFn: () => request<{ versions: Version[] }>('GET', `${base}/versions`).then(r => r.versions) })
  const move = useMutation({
    mutationFn: (to: { method: string; path: string; body?: unknown }) => request<Fn>(to.method, `${base}${to.path}`, to.body),
    onSuccess: async f => {
      message.success(`v${f.version} ${t('live')}`)
      await queries.invalidateQueries()
    },
    onError: e => message.error(e.message),
  })
  if (list.error) return <Failure error={list.error} />
  return (
    <>
      <Traffic fn={fn} versions={list.data ?? []} busy={move.isPending}
        onShare={(next, percent) => move.mutate({ method: 'PUT', path: '/aliases/live', body: { version: fn.live.version, next, percent } })}
        onPromote={() => move.mutate({ method: 'POST', path: '/promote', body: {} })}
        onCanary={version => move.mutate({ method: 'POST', path: '/canary', body: { version } })}
        onBack={() => move.mutate({ method: 'POST', path: '/rollback', body: {} })} />
      {fn.canary && <CanaryPanel canary={fn.canary} busy={move.isPending} onStop={() => move.mutate({ method: 'DELETE', path: '/canary' })} />}
      <Table<Version> rowKey="number" size="small" loading={list.isPending} dataSource={list.data} pagination={{ pageSize: 20, hideOnSinglePage: true }}
        columns={[
          { title: t('version'), render: (_, v) => <>v{v.number} {v.live && <Tag color="green">{t('live')}</Tag>}{v.number === fn.live.next && <Tag color="orange">{v.percent ?? 0} %</Tag>}{v.aliases?.map(a => <Tag key={a} color="blue">{a}</Tag>)}</> },
          { title: t('created'), render: (_, v) => when(v.createdAt) },
          { title: t('size'), align: 'right', responsive: ['md'], render: (_, v) => bytes(v.sizeBytes) },
          { title: 'hash', responsive: ['md'], render: (_, v) => <span className="mono muted">{v.hash.slice(0, 12)}</span> },
          { title: '', align: 'right', render: (_, v) => !v.live && (
            <Space>
              <Button size="small" type="text" onClick={() => setCompare({ from: fn.version, to: v.number })}>{t('compare')}</Button>
              <Button size="small" loading={move.isPending} onClick={() => move.mutate({ method: 'POST', path: '/rollback', body: { version: v.number } })}>{t('rollback')}</Button>
            </Space>
          ) },
        ]} />
      <Drawer open={!!compare} onClose={() => setCompare(undefined)} size="large" title={compare && `v${compare.from} → v${compare.to}`}>
        {compare && <Difference base={base} {...compare} />}
      </Drawer>
    </>
  )
}

interface TrafficProps { fn: Fn; versions: Version[]; busy: boolean; onShare(next: number, percent: number): void; onPromote(): void; onCanary(version: number): void; onBack(): void }

/** Which share of the users gets which version. */
function Traffic({ fn, versions, busy, onShare, onPromote, onCanary, onBack }: TrafficProps) {
  const { t } = useText()
  const [next, setNext] = useState<number>()
  const [percent, setPercent] = useState<number | null>(10)
  const { live } = fn
  const share = live.next ? live.percent ?? 0 : 0
  const others = versions.filter(v => v.number !== live.version)
  return (
    <div data-testid="traffic" style={{ marginBottom: 16 }}>
      <div className="traffic">
        <div style={{ flexGrow: 100 - share }} title={`v${live.version}`}>v{live.version} · {100 - share} %</div>
        {live.next && <div className="traffic-next" style={{ flexGrow: share }} title={`v${live.next}`}>v{live.next} · {share} %</div>}
      </div>
      <Space wrap style={{ marginTop: 8 }}>
        {others.length > 0 && (
          <>
            <Select size="small" aria-label={t('shareWith')} placeholder={t('shareWith')} style={{ minWidth: 120 }} value={next ?? live.next} onChange={setNext} options={others.map(v => ({ value: v.number, label: `v${v.number}` }))} />
            <InputNumber size="small" aria-label={t('percentOfUsers')} min={0} max={100} value={percent} onChange={setPercent} suffix="%" />
            <Button size="small" disabled={!(next ?? live.next) || percent === null} loading={busy} onClick={() => onShare((next ?? live.next)!, percent!)}>{t('share')}</Button>
            {!live.next && <Button size="small" disabled={!next} loading={busy} onClick={() => onCanary(next!)}>{t('startCanary')}</Button>}
          </>
        )}
        {live.next && <Button size="small" type="primary" loading={busy} onClick={onPromote}>{t('promote')} v{live.next}</Button>}
        {(live.next || others.length > 0) && <Button size="small" danger loading={busy} onClick={onBack}>{t('goBack')}</Button>}
      </Space>
    </div>
  )
}

const tones = { running: 'processing', promoted: 'success', rolled_back: 'error', stopped: 'default' }

/** How a canary goes, or how the last one went. */
function CanaryPanel({ canary, busy, onStop }: { canary: Canary; busy: boolean; onStop(): void }) {
  const { t } = useText()
  const share = (f: Canary['new']) => `${f.calls} ${t('times')} · ${f.calls ? ((100 * f.errors) / f.calls).toFixed(1) : 0} % ${t('failed')} · p99 ${ms(f.p99Ms)}`
  return (
    <div data-testid="canary" style={{ marginBottom: 16 }}>
      <b>{t('canary')}</b> v{canary.version} <Tag color={tones[canary.state]}>{t(`canary_${canary.state}`)}</Tag>
      <span className="muted">{canary.steps.map((s, i) => (i === canary.step ? `[${s} %]` : `${s} %`)).join(' → ')} · {when(canary.startedAt)}</span>
      {canary.state === 'running' && <Button size="small" style={{ marginLeft: 8 }} loading={busy} onClick={onStop}>{t('stop')}</Button>}
      <div>{t('stable')}: {share(canary.stable)}</div>
      <div>{t('fresh')}: {share(canary.new)}</div>
      {canary.message && <div className={canary.state === 'rolled_back' ? 'log-error' : 'muted'}>{canary.message}</div>}
    </div>
  )
}

function Difference({ base, from, to }: { base: string; from: number; to: number }) {
  const { t } = useText()
  const diff = useQuery({ queryKey: ['diff', base, from, to], queryFn: () => request<FunctionDiff>('POST', `${base}/diff`, { from, to }) })
  if (diff.error) return <Failure error={diff.error} />
  if (!diff.data) return <Spin />
  const { files, settings } = diff.data
  if (!files.length && !settings.length) return <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('noDifference')} />
  return (
    <div data-testid="difference">
      {settings.map(s => <div key={s.name} className="mono">{s.name}: {s.from ? <del>{s.from}</del> : '–'} → {s.to ? <ins>{s.to}</ins> : '–'}</div>)}
      {files.map(f => (
        <div key={f.path} style={{ marginTop: 12 }}>
          <b className="mono">{f.path}</b> <Tag>{t(`file_${f.change}`)}</Tag> {f.patch && <span className="muted">+{f.added} −{f.removed}</span>}
          {f.patch && <pre className="diff mono">{f.patch.split('\n').slice(2).map((line, i) => <span key={i} className={kinds[line[0] ?? '']}>{line}{'\n'}</span>)}</pre>}
        </div>
      ))}
    </div>
  )
}

const kinds: Record<string, string> = { '+': 'diff-added', '-': 'diff-removed', '@': 'diff-place' }
