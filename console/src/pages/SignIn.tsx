import { Button, Card, Form, Input, Spin } from 'antd'
import { useEffect, useRef, useState } from 'react'
import { request, RequestError, session } from '../api'
import { Failure } from '../components/Failure'
import { useText } from '../i18n'

interface Reply { accessToken: string; setUp: boolean }

/** Signs in by the one-time link (#token=...), or with name and password; a set-up link asks for the first account. */
export function SignIn({ onSignedIn }: { onSignedIn(): void }) {
  const { t } = useText()
  const link = useRef(location.hash.startsWith('#token=') ? decodeURIComponent(location.hash.slice(7)) : '')
  const [setUpToken, setSetUpToken] = useState('')
  const [busy, setBusy] = useState(link.current !== '')
  const [error, setError] = useState<unknown>()

  const signIn = async (body: object) => {
    setBusy(true)
    setError(undefined)
    try {
      const reply = await request<Reply>('POST', '/v1/manage/session', body)
      if (reply.setUp) {
        setSetUpToken(link.current)
        return
      }
      session.token = reply.accessToken
      onSignedIn()
    } catch (e) {
      const refused = 'token' in body && e instanceof RequestError && e.status === 401
      if (refused) setSetUpToken('')
      setError(refused ? new Error(t('linkUsed')) : e)
    } finally {
      setBusy(false)
    }
  }
  useEffect(() => {
    if (!link.current) return
    const token = link.current
    history.replaceState(null, '', location.pathname)
    const timer = setTimeout(() => void signIn({ token }))
    return () => clearTimeout(timer)
  }, [])

  return (
    <div className="signin">
      <Card style={{ width: 'min(380px, 100%)' }}>
        <div className="brand" style={{ marginBottom: 12 }}><img src="/console/cloud.svg" alt="" />Yunduo 云朵</div>
        <p className="muted">{t(setUpToken ? 'setUpHint' : 'devSignInHint')}</p>
        {error !== undefined && <Failure error={error} style={{ marginBottom: 16 }} />}
        <Spin spinning={busy}>
          <Form layout="vertical" onFinish={v => signIn(setUpToken ? { ...v, token: setUpToken, setUp: true } : v)}>
            <Form.Item name="username" label={t('username')} rules={[{ required: true }]}><Input autoComplete="username" /></Form.Item>
            <Form.Item name="password" label={t('password')} rules={[{ required: true, min: setUpToken ? 8 : 1 }]}><Input.Password autoComplete={setUpToken ? 'new-password' : 'current-password'} /></Form.Item>
            <Button type="primary" htmlType="submit" block>{t(setUpToken ? 'setUpTitle' : 'signIn')}</Button>
          </Form>
        </Spin>
      </Card>
    </div>
  )
}
