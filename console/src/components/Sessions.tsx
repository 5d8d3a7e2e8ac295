import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Button, Drawer, Empty, List, Popconfirm, Spin } from 'antd'
import { manage, part, request, type Session, type User } from '../api'
import { useText } from '../i18n'
import { Failure } from './Failure'
import { when } from './format'

/** The devices on which a user is signed in; each can be signed out at once. */
export function Sessions({ app, user, onClose }: { app: string; user?: User; onClose: () => void }) {
  const { t } = useText()
  const queries = useQueryClient()
  const path = user && manage(app, `/users/${part(user.id)}/sessions`)
  const list = useQuery({ queryKey: ['sessions', app, user?.id], enabled: path !== undefined, queryFn: () => request<{ sessions: Session[] }>('GET', path!) })
  const revoke = async (session: Session) => {
    await request('DELETE', `${path}/${part(session.id)}`)
    await queries.invalidateQueries({ queryKey: ['sessions', app, user?.id] })
  }
  return (
    <Drawer open={user !== undefined} onClose={onClose} title={`${t('sessions')} · ${user?.username || user?.openId || user?.id || ''}`}>
      {list.error && <Failure error={list.error} />}
      {list.isPending ? <Spin /> : (
        <List dataSource={list.data?.sessions} rowKey="id" locale={{ emptyText: <Empty description={t('noSessions')} /> }} renderItem={s => (
          <List.Item actions={[
            <Popconfirm key="end" title={t('endSession')} onConfirm={() => revoke(s)} okButtonProps={{ danger: true }}>
              <Button size="small" danger>{t('signOut')}</Button>
            </Popconfirm>,
          ]}>
            <List.Item.Meta title={s.device || t('unknownDevice')} description={<>{s.provider} · {s.ip} · {when(s.createdAt)}</>} />
          </List.Item>
        )} />
      )}
    </Drawer>
  )
}
