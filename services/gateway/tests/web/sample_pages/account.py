"""Pages for people, and those of errors and search."""

from gateway.application.views.account import (
    AccountPage,
    AgainPage,
    ErrorPage,
    Hit,
    ResetPage,
    SearchPage,
    SessionRow,
    SetupPage,
    SignInPage,
    TokenRow,
)
from gateway.application.views.parts import Action, FieldProblem
from sample_pages.frame import ago, state


def sign_in() -> SignInPage:
    return SignInPage()


def refused() -> SignInPage:
    return SignInPage(name="mira@example.com", problem="Email and password do not belong together.")


def throttled() -> SignInPage:
    return SignInPage(name="mira@example.com", problem="Too many tries.", wait_seconds=48)


def set_up() -> SetupPage:
    return SetupPage(
        token="t",
        problems=(FieldProblem(field="password", message="The password has 6 characters.", hint="Use at least 12."),),
    )


def used_link() -> SetupPage:
    return SetupPage(token_problem="It was used already: the first user has been made.")


def kept() -> SignInPage:
    return SignInPage(kept='{"url": "/workflows/w/edit/", "fields": [["yaml", "workflow: orders"]], "cut": false}')


def again() -> AgainPage:
    yaml = "workflow: order-processing\ncomponents:\n  OrderQueue: {kind: mq, endpoint: orders-mq, queue: orders}\n" * 3
    return AgainPage(
        url="/workflows/w/edit/", fields=(("yaml", yaml), ("etag", '"6"'), ("note", "longer retry")), cut=True, csrf="the-form-token"
    )


def reset() -> ResetPage:
    return ResetPage(token="t", name="mira", problems=(FieldProblem(field="new_password", message="The password has 6 characters."),))


def used_reset() -> ResetPage:
    return ResetPage(token_problem="This link was used already.")


def account() -> AccountPage:
    return AccountPage(
        name="Mira Kessler",
        email="mira@example.com",
        role="admin",
        sessions=(
            SessionRow(
                id="s1",
                device="Firefox on Linux",
                address="10.1.4.20",
                started=ago(86400),
                last_used=ago(3),
                current=True,
            ),
            SessionRow(
                id="s2",
                device="Chrome on Android",
                address="10.1.9.8",
                started=ago(86400 * 6),
                last_used=ago(7200),
                end=Action(label="End", url="/account/sessions/s2/end/"),
            ),
        ),
        tokens=(
            TokenRow(
                id="t1",
                name="nightly deploy",
                prefix="ft_8Fq2",
                made=ago(86400 * 20),
                last_used=ago(4000),
                expires=None,
                revoke=Action(
                    label="Revoke",
                    url="/account/tokens/t1/revoke/",
                    look="danger",
                    confirm="Revoke the token “nightly deploy”?",
                    consequence="Programs that use it are refused from now on.",
                ),
            ),
        ),
        fresh_token="ft_01J9_example-only-shown-once",
    )


def not_found() -> ErrorPage:
    return ErrorPage(
        status=404,
        title="There is nothing here",
        text="No run has the id 0192f3aa. It may have been removed after its retention, or the link is cut off.",
        actions=(
            Action(label="All runs", url="/runs/", method="get", look="primary"),
            Action(label="Overview", url="/", method="get"),
        ),
    )


def broken() -> ErrorPage:
    return ErrorPage(
        status=500,
        title="This page could not be made",
        text="Something went wrong in the gateway. Nothing was changed; clusters and workflows go on.",
        hint="Try again in a moment.",
        request_id="01J9ZK3E",
        actions=(Action(label="Overview", url="/", method="get"),),
    )


def forbidden() -> ErrorPage:
    return ErrorPage(
        status=403,
        title="The form is too old",
        text="It was made before you signed in here, so it was not taken.",
        actions=(Action(label="Back", url="/", method="get"),),
    )


def found() -> SearchPage:
    return SearchPage(
        words="orders",
        hits=(
            Hit(
                kind="DAG",
                name="orders_hourly",
                where="eu-prod",
                url="/dags/eu-prod/orders_hourly/",
                state=state("failed"),
            ),
            Hit(kind="Workflow", name="order-processing", where="v7", url="/workflows/order-processing/"),
        ),
        more=True,
    )


def not_found_words() -> SearchPage:
    return SearchPage(words="zzz", hits=())
