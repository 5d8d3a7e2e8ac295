import { useMutation, useQuery } from '@tanstack/react-query'
import { Alert, Breadcrumb, Button, Empty, Input, Spin, Tabs, Tag } from 'antd'
import { useState } from 'react'
import { Link, useNavigate, useParams } from 'react-router-dom'
import { manage, part, request, type ApiError, type Fn, type SourceFile } from '../api'
import { Bundle } from '../components/Bundle'
import { Choice } from '../components/Choice'
import { Editor } from '../components/Editor'
import { Failure } from '../components/Failure'
import { bytes, ms } from '../components/format'
import { Logs } from '../components/Logs'
import { Stats } from '../components/Stats'
import { Versions } from '../components/Versions'
import { useText } from '../i18n'

interface Props { app: string; dark: boolean }

export function FunctionPage({ app, dark }: Props) {
  const { t } = useText()
  const { name = '', '*': tab } = useParams()
  const navigate = useNavigate()
  const base = manage(app, `/functions/${part(name)}`)
  const fn = useQuery({ queryKey: ['function', app, name], queryFn: () => request<Fn>('GET', base), refetchInterval: 3000 })
  const path = <Breadcrumb style={{ marginBottom: 8 }} items={[{ title: <Link to={`/${app}/functions`}>{t('functions')}</Link> }, { title: name }]} />
  if (fn.error) return <>{path}<Failure error={fn.error} /></>
  return (
    <>
      {path}
      <div className="page-head"><h1 className="wraps">{name}</h1>{fn.data && <><Tag color="blue">v{fn.data.version}</Tag><Tag>{fn.data.timeoutSeconds} s</Tag><Tag>{bytes(fn.data.sizeBytes)}</Tag></>}</div>
      {fn.data?.error && <Alert type="error" showIcon style={{ marginBottom: 16 }} title={fn.data.error.reason} description={<pre className="document mono">{fn.data.error.message}</pre>} />}
      {!!fn.data?.warnings?.length && <Alert type="warning" showIcon style={{ marginBottom: 16 }} title={t('warnings')} description={fn.data.warnings.map(w => <div key={w}>{w}</div>)} />}
      <Tabs activeKey={tab || 'test'} onChange={key => navigate(`/${app}/functions/${part(name)}/${key}`)} items={[
        { key: 'test', label: t('test'), children: <Test base={base} name={name} dark={dark} /> },
        { key: 'source', label: t('source'), children: <Source base={base} version={fn.data?.version ?? 0} dark={dark} /> },
        { key: 'bundle', label: t('bundle'), children: fn.data && <Bundle base={base} version={fn.data.version} /> },
        { key: 'logs', label: t('logs'), children: <Logs app={app} name={name} /> },
        { key: 'metrics', label: t('metrics'), children: <Stats app={app} name={name} dark={dark} /> },
        { key: 'versions', label: t('versions'), children: fn.data && <Versions base={base} fn={fn.data} /> },
      ]} />
    </>
  )
}

interface Outcome { invocationId: string; result?: unknown; error?: ApiError; durationMs: number; cold: boolean }

function Test({ base, name, dark }: { base: string; name: string; dark: boolean }) {
  const { t } = useText()
  const [event, setEvent] = useState('{\n  \n}')
  const [openId, setOpenId] = useState('')
  const run = useMutation({
    mutationFn: () => {
      let parsed: unknown
      try {
        parsed = event.trim() ? JSON.parse(event) : {}
      } catch (e) {
        throw new Error(`${t('invalidJson')}: ${(e as Error).message}`)
      }
      return request<Outcome>('POST', `${base}/invoke`, { name, event: parsed, openId })
    },
  })
  const outcome = run.data
  return (
    <div className="split">
      <div data-testid="event">
        <p className="muted">{t('event')}</p>
        <Editor label={t('event')} value={event} onChange={setEvent} dark={dark} onSubmit={run.mutate} />
        <div style={{ display: 'flex', gap: 8, marginTop: 12, flexWrap: 'wrap' }}>
          <Input prefix={<span className="muted">{t('asUser')}</span>} placeholder={t('asUserHint')} value={openId} onChange={e => setOpenId(e.target.value)} style={{ flex: '1 1 220px' }} />
          <Button type="primary" data-testid="invoke" loading={run.isPending} onClick={() => run.mutate()}>{t('invoke')}</Button>
        </div>
      </div>
      <div data-testid="result">
        <p className="muted">{t('result')} {outcome && <><Tag>{ms(outcome.durationMs)}</Tag>{outcome.cold && <Tag color="cyan">{t('cold')}</Tag>}</>}</p>
        {run.error && <Failure error={run.error} />}
        {outcome?.error && <Alert type="error" showIcon title={outcome.error.message} description={<pre className="document mono">{outcome.error.reason}{'\n'}{outcome.error.stack}</pre>} />}
        {outcome && !outcome.error && <Editor label={t('result')} value={JSON.stringify(outcome.result ?? null, null, 2)} dark={dark} />}
        {!outcome && !run.error && <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description="Ctrl + Enter" />}
      </div>
    </div>
  )
}

function Source({ base, version, dark }: { base: string; version: number; dark: boolean }) {
  const { t } = useText()
  const source = useQuery({ queryKey: ['source', base, version], queryFn: () => request<{ files: SourceFile[] }>('POST', `${base}/source`, { version: 0 }).then(r => r.files) })
  const [chosen, choose] = useState<string>()
  if (source.isPending) return <Spin />
  if (source.error) return <Failure error={source.error} />
  const file = source.data.find(f => f.path === chosen) ?? source.data.find(f => /^index\.[mc]?[jt]s$/.test(f.path)) ?? source.data[0]
  if (!file) return <Empty />
  const language = file.path.endsWith('.json') ? 'json' : /\.[mc]?[jt]sx?$/.test(file.path) ? 'javascript' : 'text'
  return (
    <div className="side">
      <Choice label={t('files')} chosen={file.path} onChoose={choose} items={source.data.map(f => ({ key: f.path, title: `${f.path} · ${bytes(f.size)}` }))} />
      {file.text === undefined && file.size > 0 ? <Empty description={`${t('noText')} ${bytes(file.size)}`} /> : <Editor key={file.path} label={file.path} value={file.text ?? ''} language={language} dark={dark} height="520px" />}
    </div>
  )
}
