// Written by page/scripts/build.js.
&[
    Asset {
        path: "/",
        media: "text/html; charset=utf-8",
        tag: "\"e2422b71dd0bd994\"",
        body: include_bytes!("page.html.gz"),
    },
    Asset {
        path: "/assets/page-97afc5e3e4cb9270.js",
        media: "text/javascript; charset=utf-8",
        tag: "\"97afc5e3e4cb9270\"",
        body: include_bytes!("page.js.gz"),
    },
    Asset {
        path: "/assets/page-2265dc5a67c6a227.css",
        media: "text/css; charset=utf-8",
        tag: "\"2265dc5a67c6a227\"",
        body: include_bytes!("page.css.gz"),
    },
    Asset {
        path: "/assets/page-ae507f1e5d25154e.svg",
        media: "image/svg+xml",
        tag: "\"ae507f1e5d25154e\"",
        body: include_bytes!("icon.svg.gz"),
    },
]
