"""The Flask application of a node: every tier runs this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask


def create_app(config: Any, here: Any = None) -> Flask:
    """The WSGI app of a node.

    config: an `app.config.Config`. here: the opened node; without one the
    data folder is opened, which may raise `app.node.NodeProblem`.
    """
    # Imported here: ``import app.codes`` must not bring up the whole of Flask's side.
    from flask import Flask
    from flask_wtf import CSRFProtect
    from werkzeug.middleware.proxy_fix import ProxyFix

    from app import auth, enrol, errors, forms_api, i18n, keys, pwa, security, sync_api
    from app.node import open_node
    from app.office.erase import forget_files
    from app.office.eyes import printed
    from app.push_lane import LANE, PushLane

    here = here or open_node(config)
    app = Flask("app", static_folder=None)
    app.jinja_options = {**app.jinja_options, "finalize": printed}
    app.config.update(
        SECRET_KEY=keys.session_key(config.data_dir),
        MAX_CONTENT_LENGTH=32 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        MAX_FORM_PARTS=500,
        SESSION_COOKIE_NAME="__Host-ruhu" if config.https else "ruhu",
        SESSION_COOKIE_SECURE=config.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session; a clerk's half-filled page must still save
        PROPAGATE_EXCEPTIONS=False,
    )
    app.extensions["ruhu"] = here
    app.extensions[LANE] = app.wsgi_app = PushLane(  # type: ignore[method-assign]
        app.wsgi_app, here, https=config.https, lang=config.lang
    )
    if config.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=config.proxies, x_proto=config.proxies, x_host=config.proxies
        )
    i18n.init_app(app, config.lang)
    # Where phones fetch a local authority over plain http, the name must stay reachable that way.
    security.init_app(app, https=config.https and not config.authority_names)
    errors.init_app(app)
    csrf = CSRFProtect()
    auth.init_app(app)
    csrf.init_app(app)
    for module in (pwa, forms_api, sync_api, enrol):
        app.register_blueprint(module.blueprint)
    # These carry no cookie: a Bearer token, or a JSON type no foreign form can send.
    csrf.exempt(sync_api.blueprint)
    csrf.exempt(enrol.blueprint)
    csrf.exempt("app.auth.api_sign_in")
    csrf.exempt("app.auth.api_sign_out")
    # These ask for the token themselves, once they have allowed a larger form.
    csrf.exempt("app.formpost.post")
    csrf.exempt("app.office.importing.import_new")
    csrf.exempt("app.office.courier.courier_bring")
    csrf.exempt("app.office.areas.area_list")
    for blueprint in _pages():
        app.register_blueprint(blueprint)
    here.tables.on_erased = forget_files(app)
    return app


def _pages() -> list[Any]:
    """The office pages, printing, and filling forms there."""
    from app.formpost import blueprint as filling
    from app.office import blueprint as office
    from app.office.printing import blueprint as printing

    return [office, printing, filling]
