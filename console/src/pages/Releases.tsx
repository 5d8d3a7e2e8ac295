import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App as AntApp, Button, Checkbox, Drawer, Empty, Grid, Space, Spin, Table, Tag } from 'antd'
import { useState } from 'react'
import { manage, request, type Release, type ReleaseDiff } from '../api'
import { Failure } from '../components/Failure'
import { when } from '../components/format'
import { useText } from '../i18n'

/** The releases of an app: what is live, what changed with each, going back to one. */
export function Releases({ app }: { app: string }) {
  const { t } = useText()
  const { modal, message } = AntApp.useApp()
  const queries = useQueryClient()
  const base = manage(app, '/releases')
  const [shown, show] = useState<Release>()
  const narrow = !Grid.useBreakpoint().md
  const list = useQuery({ queryKey: ['releases', app], queryFn: () => request<{ releases: Release[] }>('GET', base).then(r => r.releases), refetchInterval: 5000 })
  const back = useMutation({
    mutationFn: (body: { number: number; dropIndexes: boolean }) => request<Release>('POST', `${base}/rollback`, body),
    onSuccess: async r => {
      message.success(`${t('release')} ${r.number} ${t('live')}`)
      for (const warning of r.warnings ?? []) message.warning(warning)
      await queries.invalidateQueries()
    },
    onError: e => message.error(e.message),
  })
  const ask = (r: Release) => {
    let dropIndexes = false
    modal.confirm({
      title: `${t('goBackTo')} ${r.number}?`, okButtonProps: { danger: true },
      content: <>{t('goBackHint')}<br /><Checkbox onChange={e => { dropIndexes = e.target.checked }}>{t('dropNewerIndexes')}</Checkbox></>,
      onOk: () => back.mutate({ number: r.number, dropIndexes }),
    })
  }
  return (
    <>
      <div className="page-head"><h1>{t('releases')}</h1></div>
      {list.error && <Failure error={list.error} />}
      <Table<Release> rowKey="number" size="small" loading={list.isPending} dataSource={list.data} pagination={{ pageSize: 20, hideOnSinglePage: true }} locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('noReleases')} /> }}
        columns={[
          { title: t('release'), render: (_, r) => <>{r.number} {r.live && <Tag color="green">{t('live')}</Tag>}{r.restores && <Tag>= {r.restores}</Tag>}</> },
          { title: t('created'), render: (_, r) => <>{when(r.createdAt)}{narrow && r.note && <div className="muted wraps">{r.note}</div>}</> },
          { title: t('functions'), responsive: ['md'], align: 'right', render: (_, r) => Object.keys(r.functions).length },
          { title: t('triggers'), responsive: ['md'], align: 'right', render: (_, r) => r.triggers },
          { title: t('indexes'), responsive: ['md'], align: 'right', render: (_, r) => r.indexes },
          { title: t('note'), responsive: ['md'], render: (_, r) => <span className="wraps">{r.note}</span> },
          { title: '', align: 'right', render: (_, r) => (
            <Space>
              {r.number > 1 && <Button size="small" type="text" onClick={() => show(r)}>{t('changes')}</Button>}
              {!r.live && <Button size="small" loading={back.isPending} onClick={() => ask(r)}>{t('goBack')}</Button>}
            </Space>
          ) },
        ]} />
      <Drawer open={!!shown} onClose={() => show(undefined)} size="large" title={shown && `${t('release')} ${shown.number - 1} → ${shown.number}`}>
        {shown && <Changes base={base} from={shown.number - 1} to={shown.number} />}
      </Drawer>
    </>
  )
}

function Changes({ base, from, to }: { base: string; from: number; to: number }) {
  const { t } = useText()
  const diff = useQuery({ queryKey: ['release-diff', base, from, to], queryFn: () => request<ReleaseDiff>('POST', `${base}/diff`, { from, to }) })
  if (diff.error) return <Failure error={diff.error} />
  if (!diff.data) return <Spin />
  if (!diff.data.changes.length) return <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('noDifference')} />
  return diff.data.changes.map(c => (
    <div key={c.kind + c.name} style={{ marginBottom: 12 }}>
      <Tag>{t(`part_${c.kind}`)}</Tag> <b className="mono">{c.name}</b>
      <div className="mono wraps">{c.from ? <del>{c.from}</del> : '–'} → {c.to ? <ins>{c.to}</ins> : '–'}</div>
    </div>
  ))
}
