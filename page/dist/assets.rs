// Written by page/scripts/build.js.
&[
    Asset {
        path: "/",
        media: "text/html; charset=utf-8",
        tag: "\"8d2c40504a7bfa75\"",
        body: include_bytes!("page.html.gz"),
    },
    Asset {
        path: "/assets/page-5822b6afee402a15.js",
        media: "text/javascript; charset=utf-8",
        tag: "\"5822b6afee402a15\"",
        body: include_bytes!("page.js.gz"),
    },
    Asset {
        path: "/assets/page-6ce322e3d15c2135.css",
        media: "text/css; charset=utf-8",
        tag: "\"6ce322e3d15c2135\"",
        body: include_bytes!("page.css.gz"),
    },
    Asset {
        path: "/assets/page-ae507f1e5d25154e.svg",
        media: "image/svg+xml",
        tag: "\"ae507f1e5d25154e\"",
        body: include_bytes!("icon.svg.gz"),
    },
]
