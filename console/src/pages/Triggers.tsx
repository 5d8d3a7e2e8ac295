import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App as AntApp, Button, Drawer, Empty, Space, Switch, Table, Tag } from 'antd'
import { useState } from 'react'
import { Link } from 'react-router-dom'
import { manage, part, request, type Firing, type Trigger } from '../api'
import { Failure } from '../components/Failure'
import { ms, when } from '../components/format'
import { useText, type TextKey } from '../i18n'

const colors: Record<string, string> = { succeeded: 'success', failed: 'error', skipped: 'warning', running: 'processing' }

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
      <Table<Trigger> rowKey={tr => `${tr.function}/${tr.name}`} size="middle" loading={list.isPending} dataSource={list.data} pagination={false}
        locale={{ emptyText: <Empty description={t('noTriggers')} /> }}
        columns={[
          { title: t('name'), className: 'wraps', render: (_, tr) => (
            <>
              {tr.name}<br /><Link to={`/${app}/functions/${part(tr.function)}`}>{tr.function}</Link>
              {tr.warnings?.map(w => <div key={w} className="log-warn">{w}</div>)}
              <div className="phone muted"><span className="mono">{tr.schedule}</span><br />{tr.enabled && when(tr.nextRuns?.[0])}</div>
              {tr.last && <div className="phone"><LastRun last={tr.last} /></div>}
            </>
          ) },
          { title: t('schedule'), responsive: ['md'], className: 'one-line', render: (_, tr) => <><span className="mono">{tr.schedule}</span><br /><span className="muted">{tr.timeZone}</span></> },
          { title: t('nextRuns'), responsive: ['md'], className: 'one-line', render: (_, tr) => (tr.enabled ? tr.nextRuns?.slice(0, 3).map(n => <div key={n} className="muted">{when(n)}</div>) : '–') },
          { title: t('lastRun'), responsive: ['md'], render: (_, tr) => (tr.last ? <LastRun last={tr.last} /> : <span className="muted">{t('never')}</span>) },
          { title: t('enabled'), render: (_, tr) => <Switch size="small" aria-label={t('enabled')} checked={tr.enabled} loading={enable.isPending} onChange={() => enable.mutate(tr)} /> },
          { title: '', align: 'right', render: (_, tr) => <Space wrap style={{ justifyContent: 'flex-end' }}><Button size="small" data-testid="history" onClick={() => show(tr)}>{t('history')}</Button><Button size="small" type="primary" loading={run.isPending} onClick={() => run.mutate(tr)}>{t('runNow')}</Button></Space> },
        ]} />
      <Drawer open={!!shown} onClose={() => show(undefined)} size="large" title={shown && `${shown.function} / ${shown.name}`}>
        {shown && <History path={path(shown)} />}
      </Drawer>
    </>
  )
}

const known: Record<string, TextKey> = { succeeded: 'succeeded', failed: 'failed', skipped: 'skipped', running: 'running' }

function Status({ status }: { status: string }) {
  const { t } = useText()
  return <Tag color={colors[status]}>{known[status] ? t(known[status]) : status}</Tag>
}

const LastRun = ({ last }: { last: Firing }) => <><Status status={last.status} /> <span className="muted">{when(last.startedAt || last.dueAt)}</span></>

function History({ path }: { path: string }) {
  const { t } = useText()
  const list = useQuery({ queryKey: ['firings', path], queryFn: () => request<{ firings: Firing[] }>('GET', `${path}/history`).then(r => r.firings), refetchInterval: 2000 })
  if (list.error) return <Failure error={list.error} />
  return (
    <Table<Firing> rowKey="id" size="small" loading={list.isPending} dataSource={list.data} pagination={{ pageSize: 20, hideOnSinglePage: true }}
      columns={[
        { title: t('due'), render: (_, f) => <>{when(f.dueAt)} {f.manual && <Tag>{t('manual')}</Tag>}<div className="phone log-error">{f.message}</div></> },
        { title: t('status'), render: (_, f) => <Status status={f.status} /> },
        { title: t('duration'), align: 'right', className: 'one-line', render: (_, f) => ms(f.durationMs) },
        { title: t('message'), responsive: ['md'], className: 'wraps', render: (_, f) => <span className="log-error">{f.message}</span> },
      ]} />
  )
}
