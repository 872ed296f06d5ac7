// Written by page/scripts/build.js.
&[
    Asset {
        path: "/",
        media: "text/html; charset=utf-8",
        tag: "\"e076c753055efbbf\"",
        body: include_bytes!("page.html.gz"),
    },
    Asset {
        path: "/assets/page-97afc5e3e4cb9270.js",
        media: "text/javascript; charset=utf-8",
        tag: "\"97afc5e3e4cb9270\"",
        body: include_bytes!("page.js.gz"),
    },
    Asset {
        path: "/assets/page-5a55dc13ecdb3cd5.css",
        media: "text/css; charset=utf-8",
        tag: "\"5a55dc13ecdb3cd5\"",
        body: include_bytes!("page.css.gz"),
    },
    Asset {
        path: "/assets/page-ae507f1e5d25154e.svg",
        media: "image/svg+xml",
        tag: "\"ae507f1e5d25154e\"",
        body: include_bytes!("icon.svg.gz"),
    },
]
