//! The words of French recipes.

use super::language::Language;
use crate::recipes::unit_kind::UnitKind;

/// The words of French recipes.
pub(crate) static FRENCH: Language = Language {
    ingredients: "liste des ingrédients | ingrédients | ingrédient | ingredients | il vous faut | \
        liste de courses | ce qu'il vous faut",
    steps: "préparation de la recette | étapes de préparation | préparation | preparation | \
        instructions | étapes | étape par étape | réalisation | recette | \
        marche à suivre | déroulement | comment faire | comment préparer",
    notes: "notes | note | remarques | remarque | astuces | astuce | conseils | conseil | \
        conseil du chef | le petit plus | variantes | variante | conservation | \
        ustensiles | matériel | valeurs nutritionnelles | informations nutritionnelles | \
        accompagnement",
    groups: "pour la | pour le | pour les | pour l' | pour servir",
    yields: "nombre de personnes | nombre de parts | portions | personnes | rendement | \
        quantité | pour environ | pour | donne | parts",
    serves: "pour",
    people: "personnes | personne | parts | convives | couverts | pers. | pers",
    prep: "temps de préparation | temps de preparation | préparation | preparation | \
        temps actif",
    cook: "temps de cuisson | cuisson | temps de cuisson au four",
    total: "temps total | durée totale | total | prêt en | durée",
    times: "temps de repos | repos | temps de marinade | temps d'attente | temps de pause | \
        attente | réfrigération | marinade | levée",
    minutes: "minutes | minute | min | mn",
    hours: "heures | heure | h",
    days: "jours | jour",
    titles: "nom de la recette | objet | titre | nom",
    tags: "mots-clés | mots clés | catégories | catégorie | cuisine | type de plat",
    abouts: "description | à propos",
    others: "difficulté | niveau | auteur | source | coût | calories | cout",
    verbs: "ajouter ajoutez assaisonner battre battez beurrer chauffer chauffez couper \
        coupez cuire cuisez cuisiner disposer déposer dorer dresser égoutter émincer \
        enfourner enfournez éplucher épluchez étaler étalez faire faites fouetter \
        fouettez garnir hacher incorporer incorporez laisser laissez laver lavez \
        mélanger mélangez mettre mettez mixer mixez mijoter monter passer peler pétrir \
        poser préchauffer préchauffez préparer préparez presser réserver réservez \
        retirer rincer rissoler râper rôtir saler salez saupoudrer servir servez sortir \
        tailler tamiser tremper verser versez puis pendant ensuite enfin couvrir couvrez \
        délayer fondre découper découpez recouvrir répartir répartissez",
    nouns: "jaune/jaunes œuf/œufs oeuf/oeufs blanc/blancs oignon/oignons carotte/carottes \
        citron/citrons pomme/pommes poire/poires échalote/échalotes tomate/tomates \
        courgette/courgettes aubergine/aubergines poireau/poireaux navet/navets \
        poivron/poivrons champignon/champignons avocat/avocats crêpe/crêpes \
        biscuit/biscuits gâteau/gâteaux tarte/tartes madeleine/madeleines \
        escalope/escalopes magret/magrets endive/endives abricot/abricots pêche/pêches \
        figue/figues yaourt/yaourts sablé/sablés",
    staples: "eau lait crème beurre farine sucre sel poivre huile vinaigre riz pâtes \
        bouillon vin jus fromage miel viande boeuf bœuf porc agneau jambon poisson \
        saumon lentilles épinards ail gingembre persil basilic thym cannelle levure \
        cacao chocolat pain",
    preparations: "haché hachée hachés hachées émincé émincée émincés émincées coupé coupée coupés \
        coupées râpé râpée pelé pelée pelés épluché épluchées fondu fondue finement en à \
        au selon facultatif frais pour dénoyautées égoutté égouttés ramolli battu battus",
    units: &[
        (UnitKind::Fine, "gramme/grammes"),
        (UnitKind::Metric, "kilogramme/kilogrammes litre/litres centilitre/centilitres"),
        (UnitKind::Metric, "décilitre/décilitres"),
        (UnitKind::Kitchen, "càs cas cs cc càc cac verre/verres cuillère/cuillères"),
        (UnitKind::Kitchen, "cuiller/cuillers cuillerée/cuillerées tasse/tasses bol/bols"),
        (UnitKind::Piece, "gousse/gousses pincée/pincées brin/brins tranche/tranches"),
        (UnitKind::Piece, "botte/bottes branche/branches feuille/feuilles noix"),
        (UnitKind::Piece, "poignée/poignées morceau/morceaux goutte/gouttes bouquet/bouquets"),
        (UnitKind::Piece, "filet/filets tête/têtes tige/tiges bâton/bâtons carré/carrés"),
        (UnitKind::Piece, "trait/traits rouleau/rouleaux zeste/zestes noisette/noisettes"),
        (UnitKind::Piece, "dé/dés part/parts boule/boules"),
        (UnitKind::Piece, "douzaine/douzaines"),
        (UnitKind::Package, "boîte/boîtes boite/boites paquet/paquets bocal/bocaux"),
        (UnitKind::Package, "sachet/sachets pot/pots brique/briques bouteille/bouteilles"),
        (UnitKind::Package, "conserve/conserves tablette/tablettes barquette/barquettes"),
    ],
    phrases: &[
        (UnitKind::Kitchen, "c. à soupe | c. à café | c. à thé | c. à s. | c. à c. | c à soupe"),
        (UnitKind::Kitchen, "c à café | c. a soupe | c. a café | c.à.s. | c.à.c. | c.à.s"),
        (UnitKind::Kitchen, "c.à.c | c. à s | c. à c | c à s | c à c"),
        (UnitKind::Kitchen, "cuillère à soupe/cuillères à soupe"),
        (UnitKind::Kitchen, "cuillère à café/cuillères à café | cuillère à thé/cuillères à thé"),
        (UnitKind::Kitchen, "cuiller à soupe/cuillers à soupe | cuiller à café/cuillers à café"),
        (UnitKind::Kitchen, "cuillerée à soupe/cuillerées à soupe"),
        (UnitKind::Kitchen, "cuillerée à café/cuillerées à café"),
        (UnitKind::Kitchen, "cuillère a soupe/cuillères a soupe"),
        (UnitKind::Kitchen, "cuillère a café/cuillères a café"),
    ],
    spoons: [
        "càc | cac | c. à café | c. à thé | c. à c. | cuillère à café | cuillères à café",
        "càs | cas | cs | c. à soupe | c. à s. | cuillère à soupe | cuillères à soupe",
    ],
    numbers: "demie 1/2 | demi 1/2 | une demie 1/2 | une demi 1/2 | un demi 1/2 | trois quarts de 3/4 | \
        un quart de 1/4 | un tiers de 1/3 | deux 2 | trois 3 | quatre 4 | cinq 5 | \
        sept 7 | huit 8 | neuf 9 | dix 10 | douze 12",
    halves: "et demie | et demi",
    leading: "",
    articles: "un | une",
    adjectives: "petite | petit | petites | petits | grande | grand | grosse | gros | grosses | \
        grands | grandes | bonne | bon | belle | beau | belles | beaux",
    ones: "pincée | poignée | filet",
    of: "de | d' | d’ | du | des",
    joints: "et | ou | plus | +",
    ranges: "ou | à",
    about: "entre | environ | à peu près | env. | autour de | près de | au moins | presque",
    some: "quelques | un peu de | un peu d'",
    purposes: "au goût | selon le goût | selon votre goût | à volonté | pour le | pour la | \
        pour les | pour servir | pour décorer | pour dorer | pour saupoudrer | \
        pour la friture",
};
