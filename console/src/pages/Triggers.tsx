import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App as AntApp, Button, Drawer, Empty, Space, Switch, Table, Tag } from 'antd'
import { useState } from 'react'
import { Link } from 'react-router-dom'
import { manage, part, request, type Firing, type Trigger } from '../api'
import { Failure } from '../components/Failure'
import { ms, when } from '../components/format'
import { useText } from '../i18n'

const colors: Record<string, string> = { ok: 'success', succeeded: 'success', failed: 'error', skipped: 'warning', running: 'processing' }

export function Triggers({ app }: { app: string }) {
  const { t } = useText()
  const { message } = AntApp.useApp()
  const queries = useQueryClient()
  const [shown, show] = useState<Trigger>()
  const list = useQuery({ queryKey: ['triggers', app], queryFn: () => request<{ triggers: Trigger[] }>('GET', manage(app, '/triggers')).then(r => r.triggers), refetchInterval: 2000 })
  const path = (tr: Trigger) => manage(app, `/triggers/${part(tr.function)}/${part(tr.name)}`)
  const settled = { onSettled: () => queries.invalidateQueries({ queryKey: ['triggers', app] }), onError: (e: Error) => void message.error(e.message) }
  const run = useMutation({ mutationFn: (tr: Trigger) => request('POST', `${path(tr)}/run`, {}), onSuccess: () => void message.success(t('started')), ...settled })
  const enable = useMutation({ mutationFn: (tr: Trigger) => request('POST', `${path(tr)}/enable`, { enabled: !tr.enabled }), ...settled })
  if (list.error) return <Failure error={list.error} />
  return (
    <>
      <div className="page-head"><h1>{t('triggers')}</h1></div>
      <Table<Trigger> rowKey={tr => `${tr.function}/${tr.name}`} size="middle" loading={list.isPending} dataSource={list.data} pagination={false} scroll={{ x: 'max-content' }}
        locale={{ emptyText: <Empty description={t('noTriggers')} /> }}
        columns={[
          { title: t('name'), render: (_, tr) => <>{tr.name}<br /><Link className="muted" to={`/${app}/functions/${part(tr.function)}`}>{tr.function}</Link></> },
          { title: t('schedule'), render: (_, tr) => <><span className="mono">{tr.schedule}</span><br /><span className="muted">{tr.timeZone}</span></> },
          { title: t('nextRuns'), render: (_, tr) => (tr.enabled ? tr.nextRuns?.slice(0, 3).map(n => <div key={n} className="muted">{when(n)}</div>) : '–') },
          { title: t('lastRun'), render: (_, tr) => (tr.last ? <><Tag color={colors[tr.last.status]}>{tr.last.status}</Tag><span className="muted">{when(tr.last.startedAt || tr.last.dueAt)}</span></> : <span className="muted">{t('never')}</span>) },
          { title: t('enabled'), render: (_, tr) => <Switch size="small" aria-label={t('enabled')} checked={tr.enabled} loading={enable.isPending} onChange={() => enable.mutate(tr)} /> },
          { title: '', align: 'right', render: (_, tr) => <Space><Button size="small" data-testid="history" onClick={() => show(tr)}>{t('history')}</Button><Button size="small" type="primary" loading={run.isPending} onClick={() => run.mutate(tr)}>{t('runNow')}</Button></Space> },
        ]} />
      <Drawer open={!!shown} onClose={() => show(undefined)} size="large" title={shown && `${shown.function} / ${shown.name}`}>
        {shown && <History path={path(shown)} />}
      </Drawer>
    </>
  )
}

function History({ path }: { path: string }) {
  const { t } = useText()
  const list = useQuery({ queryKey: ['firings', path], queryFn: () => request<{ firings: Firing[] }>('GET', `${path}/history`).then(r => r.firings), refetchInterval: 2000 })
  if (list.error) return <Failure error={list.error} />
  return (
    <Table<Firing> rowKey="id" size="small" loading={list.isPending} dataSource={list.data} pagination={{ pageSize: 20, hideOnSinglePage: true }} scroll={{ x: 'max-content' }}
      columns={[
        { title: t('due'), render: (_, f) => <>{when(f.dueAt)} {f.manual && <Tag>{t('manual')}</Tag>}</> },
        { title: t('status'), render: (_, f) => <Tag color={colors[f.status]}>{f.status}</Tag> },
        { title: t('duration'), align: 'right', render: (_, f) => ms(f.durationMs) },
        { title: t('message'), render: (_, f) => <span className="log-error">{f.message}</span> },
      ]} />
  )
}
