"""Debian's python-cloudflare against an installation: python3 cloudflare_test.py

It is driven by paths, and by the environment: CLOUDFLARE_API_URL, CLOUDFLARE_API_TOKEN, PLUMBLINE_ACCOUNT.
"""

import os
import unittest

import CloudFlare
import CloudFlare.exceptions

ACCOUNT = os.environ["PLUMBLINE_ACCOUNT"]
EVERYONE = [{"everyone": {}}]


class Life(unittest.TestCase):
    def setUp(self):
        self.cf = CloudFlare.CloudFlare()
        self.access = self.cf.accounts.access

    def refused(self, code, call, *args, **kwargs):
        with self.assertRaises(CloudFlare.exceptions.CloudFlareAPIError) as caught:
            call(*args, **kwargs)
        self.assertEqual(int(caught.exception), code)

    def test_service_tokens(self):
        tokens = self.access.service_tokens
        made = [tokens.post(ACCOUNT, data={"name": "token %d" % n}) for n in range(5)]
        self.assertEqual(len(made[0]["client_secret"]), 54)
        self.assertEqual(tokens.get(ACCOUNT, made[0]["id"])["name"], "token 0")
        self.assertEqual(tokens.put(ACCOUNT, made[0]["id"], data={"name": "renamed"})["name"], "renamed")
        self.assertNotEqual(tokens.rotate.post(ACCOUNT, made[0]["id"])["client_secret"], made[0]["client_secret"])
        self.assertGreater(tokens.refresh.post(ACCOUNT, made[0]["id"])["expires_at"], made[0]["expires_at"])
        # As its documentation walks the pages of a list: raw, by result_info.
        raw, seen, page = CloudFlare.CloudFlare(raw=True), [], 1
        while True:
            answer = raw.accounts.access.service_tokens.get(ACCOUNT, params={"page": page, "per_page": 2})
            seen += answer["result"]
            if page >= answer["result_info"]["total_pages"]:
                break
            page += 1
        self.assertEqual([t["id"] for t in seen], [t["id"] for t in made])
        for t in made:
            tokens.delete(ACCOUNT, t["id"])
        self.refused(12135, tokens.get, ACCOUNT, made[0]["id"])
        self.refused(12130, tokens.post, ACCOUNT, data={"duration": "1h"})

    def test_applications(self):
        group = self.access.groups.post(ACCOUNT, data={"name": "python", "include": EVERYONE})
        app = self.access.apps.post(ACCOUNT, data={"name": "Python", "type": "self_hosted", "domain": "python.example.com"})
        policies = self.access.apps.policies
        own = policies.post(ACCOUNT, app["id"], data={"name": "own", "decision": "allow", "include": [{"group": {"id": group["id"]}}]})
        self.assertEqual(policies.get(ACCOUNT, app["id"], own["id"])["name"], "own")
        self.assertEqual(len(policies.get(ACCOUNT, app["id"])), 1)
        policies.put(ACCOUNT, app["id"], own["id"], data={"name": "mine", "decision": "deny", "include": EVERYONE})
        self.assertEqual(self.access.apps.get(ACCOUNT, app["id"])["policies"][0]["decision"], "deny")
        self.access.apps.revoke_tokens.post(ACCOUNT, app["id"])
        policies.delete(ACCOUNT, app["id"], own["id"])
        self.access.apps.delete(ACCOUNT, app["id"])
        self.access.groups.delete(ACCOUNT, group["id"])
        self.refused(11021, self.access.apps.get, ACCOUNT, app["id"])

    def test_what_there_is_one_of(self):
        self.assertIn("auth_domain", self.access.organizations.get(ACCOUNT))
        self.access.organizations.put(ACCOUNT, data={"name": "Python"})
        self.assertGreater(self.access.keys.get(ACCOUNT)["key_rotation_interval_days"], 0)
        self.access.keys.rotate.post(ACCOUNT)
        self.assertEqual(self.cf.user.tokens.verify.get()["status"], "active")
        self.assertIsInstance(self.access.users.get(ACCOUNT), list)
        self.assertIsInstance(self.access.logs.access_requests.get(ACCOUNT), list)
        self.assertIsInstance(self.cf.accounts.audit_logs.get(ACCOUNT), list)

    def test_posture(self):
        integration = self.cf.accounts.devices.posture.integration
        made = integration.post(ACCOUNT, data={"name": "python", "type": "intune", "interval": "1h",
                                               "config": {"client_id": "x", "client_secret": "y", "customer_id": "z"}})
        self.assertEqual(integration.patch(ACCOUNT, made["id"], data={"interval": "2h"})["interval"], "2h")
        rules = self.cf.accounts.devices.posture
        rule = rules.post(ACCOUNT, data={"name": "python", "type": "intune", "input": {"connection_id": made["id"], "compliance_status": "compliant"}})
        self.assertEqual(len(rules.get(ACCOUNT)), 1)
        self.assertEqual(rules.put(ACCOUNT, rule["id"], data={**rule, "name": "renamed"})["name"], "renamed")
        rules.delete(ACCOUNT, rule["id"])
        integration.delete(ACCOUNT, made["id"])
        self.assertEqual(self.cf.accounts.devices.get(ACCOUNT), [])

    def test_a_key(self):
        email = "python@example.com"
        for path in ("tokens", "tokens/permission_groups"):  # newer than this version
            self.cf.add("AUTH", "accounts", path)
        groups = self.cf.accounts.tokens.permission_groups.get(ACCOUNT)
        read = next(g for g in groups if g["name"] == "Access: Service Tokens Read")
        made = self.cf.accounts.tokens.post(ACCOUNT, data={"name": "python", "x_email": email, "policies": [
            {"effect": "allow", "permission_groups": [{"id": read["id"]}], "resources": {"com.cloudflare.api.account." + ACCOUNT: "*"}}]})
        keyed = CloudFlare.CloudFlare(email=email, key=made["value"], token="")
        self.assertIsInstance(keyed.accounts.access.service_tokens.get(ACCOUNT), list)
        self.refused(9109, keyed.accounts.access.apps.get, ACCOUNT)
        self.cf.accounts.tokens.delete(ACCOUNT, made["id"])
        self.refused(10000, keyed.accounts.access.service_tokens.get, ACCOUNT)


if __name__ == "__main__":
    unittest.main(verbosity=2)
