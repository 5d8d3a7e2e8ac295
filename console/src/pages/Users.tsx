import { DeleteOutlined, LaptopOutlined, PlusOutlined } from '@ant-design/icons'
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { App as AntApp, Button, Empty, Form, Input, Modal, Table, Tag } from 'antd'
import { useState } from 'react'
import { manage, part, request, type User } from '../api'
import { Failure } from '../components/Failure'
import { Sessions } from '../components/Sessions'
import { when } from '../components/format'
import { useText } from '../i18n'

interface Page { users: User[]; next?: string }
const colors: Record<string, string> = { wechat: 'green', password: 'blue', anonymous: 'default' }

export function Users({ app }: { app: string }) {
  const { t } = useText()
  const { modal, message } = AntApp.useApp()
  const queries = useQueryClient()
  const [search, setSearch] = useState('')
  const [adding, setAdding] = useState(false)
  const [signedIn, setSignedIn] = useState<User>()
  const [form] = Form.useForm()
  const list = useInfiniteQuery({
    queryKey: ['users', app, search], initialPageParam: '',
    queryFn: ({ pageParam }) => request<Page>('POST', manage(app, '/users/list'), { search, after: pageParam || undefined, limit: 50 }),
    getNextPageParam: last => last.next || undefined,
  })
  const refresh = () => queries.invalidateQueries({ queryKey: ['users', app] })
  const create = useMutation({
    mutationFn: (values: { username: string; password: string }) => request<User>('POST', manage(app, '/users'), values),
    onSuccess: async () => {
      setAdding(false)
      form.resetFields()
      await refresh()
    },
    onError: e => message.error(e.message),
  })
  const remove = (u: User) => modal.confirm({
    title: t('confirmDelete'), content: u.username || u.openId || u.id, okButtonProps: { danger: true },
    onOk: async () => {
      await request('DELETE', manage(app, `/users/${part(u.id)}`))
      await refresh()
    },
  })
  return (
    <>
      <div className="page-head">
        <h1>{t('users')}</h1>
        <Input.Search allowClear placeholder={t('search')} style={{ width: 'min(220px, 38vw)' }} onSearch={setSearch} />
        <Button type="primary" icon={<PlusOutlined />} onClick={() => setAdding(true)}>{t('newUser')}</Button>
      </div>
      {list.error && <Failure error={list.error} />}
      <Table<User> rowKey="id" size="middle" loading={list.isPending} dataSource={list.data?.pages.flatMap(p => p.users)} pagination={false}
        locale={{ emptyText: <Empty description={t('noUsers')} /> }}
        columns={[
          { title: t('identity'), className: 'wraps', render: (_, u) => <>{u.username && <div>{u.username}</div>}<span className="mono muted">{u.openId ?? u.id}</span><div className="phone muted">{u.provider} · {when(u.lastLoginAt ?? u.createdAt)}</div></> },
          { title: t('provider'), responsive: ['md'], render: (_, u) => <Tag color={colors[u.provider]}>{u.provider}</Tag> },
          { title: t('created'), responsive: ['md'], className: 'one-line', render: (_, u) => <span className="muted">{when(u.createdAt)}</span> },
          { title: t('lastLogin'), responsive: ['md'], className: 'one-line', render: (_, u) => <span className="muted">{when(u.lastLoginAt)}</span> },
          { title: '', align: 'right', className: 'one-line', render: (_, u) => <><Button type="text" aria-label={t('sessions')} icon={<LaptopOutlined />} onClick={() => setSignedIn(u)} /><Button type="text" danger aria-label={t('remove')} icon={<DeleteOutlined />} onClick={() => remove(u)} /></> },
        ]} />
      {list.hasNextPage && <Button style={{ marginTop: 12 }} onClick={() => list.fetchNextPage()} loading={list.isFetchingNextPage}>{t('more')}</Button>}
      <Sessions app={app} user={signedIn} onClose={() => setSignedIn(undefined)} />
      <Modal open={adding} title={t('newUser')} onCancel={() => setAdding(false)} onOk={form.submit} okButtonProps={{ loading: create.isPending }} forceRender>
        <Form form={form} layout="vertical" onFinish={create.mutate}>
          <Form.Item name="username" label={t('username')} rules={[{ required: true }]}><Input autoComplete="off" /></Form.Item>
          <Form.Item name="password" label={t('password')} rules={[{ required: true, min: 8 }]}><Input.Password autoComplete="new-password" /></Form.Item>
        </Form>
      </Modal>
    </>
  )
}
