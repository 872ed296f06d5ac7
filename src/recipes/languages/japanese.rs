//! The words of Japanese recipes.

use super::language::Language;
use crate::recipes::unit_kind::UnitKind;

/// The words of Japanese recipes.
pub(crate) static JAPANESE: Language = Language {
    ingredients: "材料と分量 | 材料 | ざいりょう | 食材",
    steps: "作り方の手順 | 作り方 | つくり方 | 作りかた | つくりかた | 手順 | 調理手順 | レシピの手順",
    notes: "コツ・ポイント | コツ | ポイント | メモ | 備考 | 注意 | 保存方法 | 保存 | アレンジ | 栄養成分 | 栄養価 | ヒント",
    groups: "",
    yields: "分量 | 出来上がり量 | できあがり量 | 出来上がり | できあがり | 人数",
    serves: "",
    people: "人分 | 人前 | 名分 | 人 | 皿分 | 個分 | 枚分 | 本分",
    prep: "下準備時間 | 下ごしらえ時間 | 準備時間 | 下準備 | 下ごしらえ | 準備",
    cook: "調理時間 | 加熱時間 | 焼き時間 | 煮込み時間 | 煮る時間 | 焼成時間 | 調理",
    total: "合計時間 | 総時間 | 所要時間 | 全体時間 | 合計 | 時間",
    times: "寝かせ時間 | 漬け時間 | 冷やす時間 | 発酵時間 | 休ませる時間",
    minutes: "分間 | 分",
    hours: "時間半 | 時間",
    days: "日間 | 日",
    titles: "料理名 | レシピ名 | タイトル",
    tags: "カテゴリー | カテゴリ | タグ | キーワード | ジャンル",
    abouts: "説明 | 紹介",
    others: "難易度 | カロリー | 作者 | 出典 | 費用",
    verbs: "",
    nouns: "",
    staples: "",
    preparations: "",
    units: &[
        (UnitKind::Fine, "グラム ミリリットル 克 毫升"),
        (UnitKind::Metric, "リットル キロ キログラム 公斤 升"),
        (UnitKind::Piece, "个 個 片"),
    ],
    phrases: &[
        (UnitKind::Fine, "ミリリットル | グラム"),
        (UnitKind::Metric, "リットル | キログラム"),
        (UnitKind::Kitchen, "カップ | 大さじ | 小さじ"),
        (
            UnitKind::Piece,
            "つまみ | かけ | かたまり | 房 | 丁 | 株 | 束 | 本 | 枚 | 個 | 匹 | 尾 | 杯 | 切れ | 片",
        ),
        (UnitKind::Piece, "玉 | 把 | 滴 | さじ | 合 | 膳 | 茎 | つ | 節 | 人分"),
        (UnitKind::Package, "パック | 袋 | 缶 | 箱 | 瓶 | 斤"),
    ],
    spoons: ["小さじ | 小匙", "大さじ | 大匙"],
    numbers: "半 1/2 | 半分 1/2",
    halves: "半",
    leading: "大さじ | 小さじ | カップ | 大匙 | 小匙",
    articles: "",
    adjectives: "",
    ones: "",
    of: "",
    joints: "と | または | 又は",
    ranges: "〜 | ~",
    about: "約 | およそ",
    some: "",
    purposes: "少々 | 適量 | 適宜 | 各少々 | 各適量 | 少量 | ひとつまみ | お好みで",
};
