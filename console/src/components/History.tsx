import { RollbackOutlined } from '@ant-design/icons'
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { App as AntApp, Button, Drawer, Empty, Spin, Tag } from 'antd'
import { manage, part, request, type DocumentVersion, type History as Page, type RestoreResult } from '../api'
import { useText } from '../i18n'
import { Failure } from './Failure'
import { when } from './format'

interface Props { app: string; collection: string; id?: unknown; open: boolean; onClose(): void; onRestored(): void }

const colors = { insert: 'green', update: 'blue', delete: 'red', drop: 'red', rename: 'orange', appear: 'green' } as const

/** Who changed a document, or any of a collection: what, when, and the way back. */
export function History({ app, collection, id, open, onClose, onRestored }: Props) {
  const { t } = useText()
  const { modal, message } = AntApp.useApp()
  const queries = useQueryClient()
  const path = manage(app, `/collections/${part(collection)}`)
  const key = ['history', app, collection, id]
  const pages = useInfiniteQuery({
    queryKey: key, enabled: open, initialPageParam: 0 as number | string, getNextPageParam: (page: Page) => page.next || undefined,
    queryFn: ({ pageParam }) => request<Page>('POST', `${path}/history`, { id, before: pageParam, limit: 20 }),
  })
  const versions = pages.data?.pages.flatMap(p => p.versions) ?? []
  const since = pages.data?.pages[0]?.since
  const restore = async (v: DocumentVersion) => {
    try {
      const body = { id, position: v.position }
      const plan = await request<RestoreResult>('POST', `${path}/restore`, { ...body, dryRun: true })
      const counts = (r: RestoreResult) => `${t('broughtBack')} ${r.inserted} · ${t('changedBack')} ${r.updated} · ${t('removedAgain')} ${r.deleted}`
      if (plan.inserted + plan.updated + plan.deleted === 0) {
        message.info(t('nothingToRestore'))
        return
      }
      modal.confirm({
        title: `${t('restoreTo')} ${when(v.time)}`, content: counts(plan),
        onOk: async () => {
          const done = await request<RestoreResult>('POST', `${path}/restore`, body)
          if (done.failed) message.warning(`${t('failed')}: ${done.failed}`)
          else message.success(counts(done))
          await queries.invalidateQueries({ queryKey: key })
          onRestored()
        },
      })
    } catch (e) {
      message.error((e as Error).message)
    }
  }
  return (
    <Drawer open={open} onClose={onClose} size="large" title={`${t('history')} · ${id === undefined ? collection : text(id)}`}>
      {pages.error && <Failure error={pages.error} />}
      {pages.isPending && <Spin />}
      {pages.data && versions.length === 0 && <Empty description={t('noHistory')} />}
      {versions.map((v, i) => (
        <div key={v.position} className="log">
          <div className="log-head">
            <Tag color={colors[v.kind]}>{t(`kind_${v.kind}`)}</Tag>
            {id === undefined && v.id !== undefined && <span className="mono">{text(v.id)}</span>}
            <span>{when(v.time)}</span>
            <span className="muted wraps">{v.actor}</span>
            {!['drop', 'rename', 'appear'].includes(v.kind) && (id === undefined || v.kind !== 'delete' && i > 0) &&
              <Button type="text" size="small" icon={<RollbackOutlined />} onClick={() => restore(v)}>{t('restoreTo')}</Button>}
          </div>
          <Difference version={v} />
        </div>
      ))}
      {pages.hasNextPage && <Button style={{ marginTop: 12 }} loading={pages.isFetchingNextPage} onClick={() => pages.fetchNextPage()}>{t('more')}</Button>}
      {since && !pages.hasNextPage && <p className="muted">{t('historySince')} {when(since)}</p>}
    </Drawer>
  )
}

const text = (id: unknown) => (typeof id === 'string' ? id : JSON.stringify(id))

/** The fields that a change touched, as they were and as they are after it. */
function Difference({ version }: { version: DocumentVersion }) {
  const { before, after, changed } = version
  if (before && after) {
    return (
      <pre className="document mono">{(changed ?? []).map(path => (
        <div key={path}>
          <span className="muted">{path}: </span>
          <del className="log-error">{short(at(before, path))}</del> <ins>{short(at(after, path))}</ins>
        </div>
      ))}</pre>
    )
  }
  return <pre className="document mono muted">{short(after ?? before)}</pre>
}

/** The value at a dotted path of embedded documents. */
function at(doc: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((v, name) => (v && typeof v === 'object' ? (v as Record<string, unknown>)[name] : undefined), doc)
}

function short(value: unknown): string {
  const json = value === undefined ? '–' : JSON.stringify(value)
  return json.length > 400 ? `${json.slice(0, 400)}…` : json
}
