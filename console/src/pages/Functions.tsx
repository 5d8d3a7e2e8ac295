import { WarningOutlined } from '@ant-design/icons'
import { useQuery } from '@tanstack/react-query'
import { Empty, Table, Tag, Tooltip } from 'antd'
import { Link } from 'react-router-dom'
import { manage, request, type Fn } from '../api'
import { Failure } from '../components/Failure'
import { bytes, when } from '../components/format'
import { useText } from '../i18n'

export function Functions({ app }: { app: string }) {
  const { t } = useText()
  const list = useQuery({ queryKey: ['functions', app], queryFn: () => request<{ functions: Fn[] }>('GET', manage(app, '/functions')).then(r => r.functions), refetchInterval: 3000 })
  if (list.error) return <Failure error={list.error} />
  return (
    <>
      <div className="page-head"><h1>{t('functions')}</h1></div>
      <Table<Fn> rowKey="name" size="middle" loading={list.isPending} dataSource={list.data} pagination={{ pageSize: 50, hideOnSinglePage: true }}
        locale={{ emptyText: <Empty description={t('noFunctions')} /> }}
        columns={[
          { title: t('name'), className: 'wraps', render: (_, f) => (
            <>
              <Link to={`/${app}/functions/${encodeURIComponent(f.name)}`}>{f.name}</Link>{' '}
              {f.error && <Tooltip title={f.error.message}><Tag color="error">{f.error.reason}</Tag></Tooltip>}
              {!!f.warnings?.length && <Tooltip title={f.warnings.join('\n')}><WarningOutlined style={{ color: '#faad14' }} /></Tooltip>}
              <div className="phone muted">v{f.version} · {f.timeoutSeconds} s · {bytes(f.sizeBytes)} · {when(f.updatedAt)}</div>
            </>
          ) },
          { title: t('version'), dataIndex: 'version', align: 'right', responsive: ['md'] },
          { title: t('timeout'), align: 'right', responsive: ['md'], className: 'one-line', render: (_, f) => `${f.timeoutSeconds} s` },
          { title: t('size'), align: 'right', responsive: ['md'], className: 'one-line', render: (_, f) => bytes(f.sizeBytes) },
          { title: t('mode'), responsive: ['lg'], render: (_, f) => <span className="muted">{f.mode}</span> },
          { title: t('triggers'), align: 'right', responsive: ['lg'], render: (_, f) => f.triggers || '' },
          { title: t('updated'), responsive: ['md'], className: 'one-line', render: (_, f) => <span className="muted">{when(f.updatedAt)}</span> },
        ]} />
    </>
  )
}
