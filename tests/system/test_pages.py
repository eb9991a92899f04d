"""Every page over the real services, without a browser: each answers, and each of its live blocks can be fetched."""

import re
from urllib.parse import urlencode

import httpx
import pytest

from shared.testing.receiver import Receiver
from shared.testing.slack import SlackPart
from shared.testing.tower import Api
from shared.testing.wait import eventually

pytestmark = pytest.mark.connected

WORKFLOW = (
    "workflow: ring-for-the-pages\n"
    "components:\n"
    "  Bell: {kind: service, endpoint: pages-bell, path: /ring, deliver: once, retry: {strategy: fixed, every: 1s, attempts: 2}}\n"
)


async def _sound(client: httpx.AsyncClient, address: str) -> str:
    answer = await client.get(address, headers={"Accept": "text/html"})
    assert answer.status_code == 200, f"{address} answered {answer.status_code}: {answer.text[:1500]}"
    assert "<h1>" in answer.text
    for element in re.findall(r"<[a-z]+[^>]*\bdata-live=[^>]*>", answer.text):
        found = re.search(r'data-part="([^"]+)"', element)
        assert found, element
        joined = "&" if "?" in address else "?"
        part = await client.get(f"{address}{joined}{urlencode({'part': found[1]})}", headers={"HX-Request": "true"})
        assert part.status_code == 200, f"{found[1]} of {address}: {part.text[:500]}"
        assert "<html" not in part.text
    return answer.text


async def _post(client: httpx.AsyncClient, address: str, form: dict[str, str]) -> httpx.Response:
    token = client.headers["X-CSRF-Token"]
    return await client.post(address, data={"csrf_token": token, **form}, headers={"Accept": "text/html"})


HEADINGS = {
    "Clusters": ("/clusters/",),
    "Add a cluster": ("/clusters/add/",),
    "DAGs": ("/dags/", "/dags/?state=failed&q=x"),
    "Endpoints": ("/endpoints/",),
    "Add an endpoint": ("/endpoints/add/", "/endpoints/add/?kind=kafka", "/endpoints/add/?kind=mq", "/endpoints/add/?kind=service"),
    "Workflows": ("/workflows/",),
    "New workflow": ("/workflows/add/",),
    "Runs": ("/runs/", "/runs/?state=failed"),
    "Alerts": ("/alerts/", "/alerts/?state=resolved"),
    "Rules": ("/alerts/rules/",),
    "Add a rule": ("/alerts/rules/add/",),
    "Channels": ("/alerts/channels/",),
    "Add a channel": ("/alerts/channels/add/", "/alerts/channels/add/?kind=slack", "/alerts/channels/add/?kind=email"),
    "Results for “a”": ("/search/?q=a",),
}


async def test_the_lists_answer_before_anything_is_there_and_after(api: Api, receiver: Receiver) -> None:
    for heading, addresses in HEADINGS.items():
        for address in addresses:
            assert f"<h1>{heading}</h1>" in await _sound(api.client, address), f"{address} is not the page “{heading}”"
    for address in ("/", "/?window=24h", "/account/"):
        await _sound(api.client, address)
    assert "listed-bell" not in await _sound(api.client, "/endpoints/")
    given = {"kind": "service", "name": "listed-bell", "options.base_url": receiver.base_url}
    assert (await _post(api.client, "/endpoints/add/", given)).status_code == 200
    assert "listed-bell" in await _sound(api.client, "/endpoints/")
    assert "listed-bell" in await _sound(api.client, "/search/?q=listed")


async def test_a_cluster_is_registered_edited_and_deleted_by_its_pages(api: Api) -> None:
    given = {"name": "pages-cluster", "base_url": "http://127.0.0.1:9", "username": "u", "secret": "p", "verify_tls": "true"}
    made = await _post(api.client, "/clusters/add/", given)
    address = made.url.path
    assert re.fullmatch(r"/clusters/[0-9a-f-]{36}/", address), made.text[:1500]
    html = await _sound(api.client, address)
    assert "pages-cluster" in html
    form = await _sound(api.client, f"{address}edit/")
    etag = re.search(r'name="etag" value="([^"]+)"', form)
    assert etag
    stale = await _post(api.client, f"{address}edit/", given | {"etag": '"77"', "tags": "new"})
    assert stale.status_code == 412
    assert "changed meanwhile" in stale.text
    assert 'name="take_mine"' in stale.text
    saved = await _post(api.client, f"{address}edit/", given | {"secret": "", "etag": etag[1].replace("&#34;", '"'), "tags": "new"})
    assert saved.url.path == address
    cluster = await api.get(f"/api/clusters/{address.split('/')[2]}/")
    assert cluster["tags"] == ["new"]
    assert cluster["has_secret"] is True

    async def seen() -> bool:
        html = await _sound(api.client, address)
        assert "Unknown" in html
        assert "tone-ok" not in (await api.client.get(address, params={"part": "head"})).text
        return True

    await eventually(seen, within=20)
    await _sound(api.client, f"{address}delete/")
    gone = await _post(api.client, f"{address}delete/", {})
    assert gone.url.path == "/clusters/"
    assert (await api.client.get(address, headers={"Accept": "text/html"})).status_code == 404


async def test_a_workflow_is_published_started_and_seen_by_its_pages(api: Api, receiver: Receiver) -> None:
    receiver.clear()
    made = await _post(api.client, "/endpoints/add/", {"kind": "service", "name": "pages-bell", "options.base_url": receiver.base_url})
    assert re.fullmatch(r"/endpoints/[0-9a-f-]{36}/", made.url.path), made.text[:1500]
    for address in (made.url.path, f"{made.url.path}edit/", f"{made.url.path}delete/"):
        await _sound(api.client, address)
    refused = await _post(api.client, "/workflows/add/", {"yaml": WORKFLOW.replace("pages-bell", "nobody")})
    assert refused.status_code == 422
    assert "nobody" in refused.text
    published = await _post(api.client, "/workflows/add/", {"yaml": WORKFLOW.replace("\n", "\r\n")})
    assert re.fullmatch(r"/workflows/[0-9a-f-]{36}/", published.url.path), published.text[:1500]
    stored = await api.get(f"/api/workflows/{published.url.path.split('/')[2]}/")
    assert stored["yaml"] == WORKFLOW
    for address in (published.url.path, f"{published.url.path}edit/", f"{published.url.path}delete/"):
        await _sound(api.client, address)
    started = await _post(api.client, f"{published.url.path}start/", {"inputs": ""})
    assert re.fullmatch(r"/runs/[0-9a-f-]{36}/", started.url.path), started.text[:1500]
    run = await api.ended(started.url.path.split("/")[2])
    assert run["status"] == "succeeded"
    html = await _sound(api.client, f"{started.url.path}?component=Bell")
    assert "Succeeded" in html
    assert len(receiver.calls("/ring")) == 1
    for address in ("/", "/runs/", "/search/?q=ring-for"):
        assert "ring-for-the-pages" in await _sound(api.client, address) or address == "/"


async def test_a_channel_and_a_rule_are_made_by_their_pages(api: Api, slack: SlackPart) -> None:
    channel = {"kind": "slack", "name": "pages-slack", "options.channel": "#pages", "options.base_url": slack.base_url}
    made = await _post(api.client, "/alerts/channels/add/", channel | {"secrets.token": slack.token})
    assert made.url.path == "/alerts/channels/", made.text[:1500]
    assert slack.token not in made.text
    found = next(item for item in (await api.get("/api/alerts/channels/"))["items"] if item["name"] == "pages-slack")
    await _sound(api.client, f"/alerts/channels/{found['id']}/edit/")
    rule = {"name": "pages-rule", "subject": "workflow_run", "expression": "nonsense >", "hold": "0s", "severity": "warning"}
    refused = await _post(api.client, "/alerts/rules/add/", rule)
    assert refused.status_code == 422
    assert 'id="expression-wrong"' in refused.text
    kept = await _post(
        api.client, "/alerts/rules/add/", rule | {"expression": 'status == "failed"', "channels": found["id"], "enabled": "true"}
    )
    assert re.fullmatch(r"/alerts/rules/[0-9a-f-]{36}/", kept.url.path), kept.text[:3000]
    for address in (kept.url.path, f"{kept.url.path}edit/", f"{kept.url.path}delete/", "/alerts/rules/", "/alerts/channels/"):
        await _sound(api.client, address)
