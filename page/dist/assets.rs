// Written by page/scripts/build.js.
&[
    Asset {
        path: "/",
        media: "text/html; charset=utf-8",
        tag: "\"d5c3591dece17de7\"",
        body: include_bytes!("page.html.gz"),
    },
    Asset {
        path: "/assets/page-4a3eab6ed3a93409.js",
        media: "text/javascript; charset=utf-8",
        tag: "\"4a3eab6ed3a93409\"",
        body: include_bytes!("page.js.gz"),
    },
    Asset {
        path: "/assets/page-053b8e37843a7acd.css",
        media: "text/css; charset=utf-8",
        tag: "\"053b8e37843a7acd\"",
        body: include_bytes!("page.css.gz"),
    },
    Asset {
        path: "/assets/page-ae507f1e5d25154e.svg",
        media: "image/svg+xml",
        tag: "\"ae507f1e5d25154e\"",
        body: include_bytes!("icon.svg.gz"),
    },
]
