//! The words of English recipes.

use super::language::Language;
use crate::recipes::unit_kind::UnitKind;

/// The words of English recipes.
pub(crate) static ENGLISH: Language = Language {
    ingredients: "ingredients list | ingredients | ingredient list | ingredient | what you'll need | \
        what you need | you will need | you'll need | shopping list | ingredients needed",
    steps: "cooking instructions | cooking directions | cooking method | directions | \
        direction | instructions | instruction | method of preparation | method | \
        preparation steps | preparation method | preparation | procedure | steps | \
        step by step | how to make it | how to make | how to cook it | what to do | \
        process | recipe steps | making it",
    notes: "notes | note | recipe notes | cook's notes | cook's note | chef's notes | \
        chef's note | tips & tricks | tips and tricks | tips | tip | top tips | \
        nutrition facts | nutritional information | nutrition information | nutrition | \
        nutrition per serving | storage | storing | variations | variation | equipment | \
        special equipment | tools | serving suggestions | serving suggestion | to store | \
        make ahead | make it ahead | substitutions | allergens | comments | reviews",
    groups: "for the | for a | to serve | to garnish | to finish | for serving | for garnish | \
        for dusting | for the topping",
    yields: "number of servings | recipe yield | recipe makes | recipe serves | \
        this recipe makes | this recipe serves | this serves | this makes | servings | \
        serving | serves | serve | yields | yield | makes | feeds | portions | portion | \
        for | enough for",
    serves: "serves | serve | feeds | for | servings | per | enough for",
    people: "servings | serving | portions | portion | people | persons | person | guests | \
        guest | adults | adult | helpings | helping",
    prep: "preparation time | prep time | prep. time | preptime | prep | active time | \
        hands-on time | preparation | active cooking time",
    cook: "cooking time | cook time | cooktime | cook | baking time | bake time | cooking | \
        baking | bake | oven time | roasting time | roast time | simmering time | \
        grill time",
    total: "total time | total | ready in | totaltime | time | duration | overall time | \
        start to finish | takes",
    times: "chill time | chilling time | rest time | resting time | additional time | \
        marinating time | rising time | inactive time | cooling time | soaking time | \
        freezing time | proving time | proofing time | marinade time | passive time | \
        standing time | stand time",
    minutes: "minutes | minute | mins | min | m",
    hours: "hours | hour | hrs | hr | h",
    days: "days | day | d",
    titles: "recipe name | subject | recipe title | title | recipe | name",
    tags: "tags | tag | keywords | keyword | categories | category | cuisine | course | \
        diet | dish type | meal | labels",
    abouts: "description | about | summary | introduction | about this recipe",
    others: "author | source | by | from | difficulty | skill level | calories | level | \
        oven temperature | rating | cost | published | updated | date | kcal | \
        adapted from | recipe by | image | photo | video | url | link",
    verbs: "add adjust after allow arrange as assemble at bake baste beat before begin \
        blanch blend blitz boil braise bring broil brown brush carefully chill chop coat \
        combine cook cool core cover cream crack crumble crush cut deglaze dice discard \
        dissolve divide dot drain dredge drizzle drop dry dust enjoy evenly fill finally \
        finish first flip fold form freeze fry garnish gently get gradually grate grease \
        grill grind heat if immediately in knead ladle layer leave let lightly line \
        lower make marinate mash measure meanwhile melt microwave mince mix move next \
        now on once open over pack pat peel pierce pinch pipe place plate poach pop pour \
        prepare preheat press prick process puree purée push put quickly raise reduce \
        refrigerate remove repeat reserve rest return rinse roast roll rub salt sauté \
        saute scatter scoop score scrape scrub sear season separate serve set shake \
        shape shred sift simmer skim slice slowly smash soak soften spoon spray spread \
        sprinkle squeeze start steam stir store strain stuff take taste tear the then \
        thin throw tie tip to top toss transfer trim turn until unwrap use using wait \
        warm wash when whip whisk while whilst wipe with working wrap you your",
    nouns: "half/halves potato/potatoes tomato/tomatoes mango/mangoes person/people \
        child/children knife/knives cookie/cookies pie/pies brownie/brownies \
        smoothie/smoothies calf/calves olive/olives chive/chives endive/endives egg yolk \
        white onion shallot scallion leek carrot parsnip turnip beet beetroot radish \
        cucumber zucchini courgette aubergine eggplant pepper capsicum chili chile \
        chilli/chillies chilli/chillis jalapeno jalapeño habanero avocado artichoke cabbage cauliflower lettuce \
        squash pumpkin mushroom plantain yam sprout bean pea lemon lime orange \
        grapefruit apple pear plum peach apricot nectarine banana pineapple melon \
        watermelon cherry berry strawberry raspberry blueberry blackberry cranberry \
        grape fig date raisin prune nut almond walnut pecan hazelnut cashew peanut \
        pistachio chestnut coconut clementine tangerine mandarin kiwi pomegranate papaya \
        breast thigh drumstick wing leg chop steak sausage hotdog frankfurter patty \
        burger bun roll bagel baguette tortilla wrap pita muffin cupcake pancake waffle \
        crêpe crepe biscuit cracker cake tart tartlet scone doughnut donut macaron \
        meringue truffle dumpling meatball taco burrito sandwich pizza noodle ribbon \
        shell anchovy sardine prawn shrimp scallop mussel clam oyster crab lobster \
        kipper trout duck quail chicken turkey rabbit hen bone ham shank cutlet pod seed \
        stem vine root bulb star cinnamon stick pickle gherkin caper radicchio fennel \
        crouton wafer marshmallow candy chocolate teabag bouillon lid crust base ring \
        round square finger popsicle lolly skewer kebab samosa pierogi blini dish plate \
        tray guest adult meal drink cocktail rutabaga swede persimmon celeriac lychee \
        guava quince crumpet croissant pitta frond bratwurst peel rind brownie flatbread \
        pretzel bap ciabatta cob joint cheek kidney liver rack medallion",
    staples: "water milk cream butter flour sugar salt pepper oil vinegar rice pasta stock \
        broth wine juice cheese yoghurt yogurt honey syrup meat beef pork lamb bacon \
        ham fish cod salmon tuna lentils spinach garlic ginger parsley basil thyme \
        coriander cinnamon vanilla yeast cocoa oats bread",
    preparations: "thinly finely roughly coarsely freshly lightly very to at cut divided plus or \
        for optional about ground in beaten frozen drained torn split thick thin well if \
        each without with such preferably more extra as but not room fresh-ground \
        skin-on skinless boneless shaken then and melted halved",
    units: &[
        (UnitKind::Fine, "g gr grs gm/gms gram/grams gramme/grammes ml mls mg"),
        (UnitKind::Fine, "milliliter/milliliters millilitre/millilitres milligram/milligrams"),
        (UnitKind::Metric, "kg kgs kilo/kilos kilogram/kilograms kilogramme/kilogrammes l lt"),
        (UnitKind::Metric, "ltr dl cl liter/liters litre/litres deciliter/deciliters"),
        (UnitKind::Metric, "decilitre/decilitres centiliter/centiliters centilitre/centilitres"),
        (
            UnitKind::Kitchen,
            "cup/cups mug/mugs c tsp tsps t teaspoon/teaspoons tbsp tbsps tbs tb tblsp",
        ),
        (UnitKind::Kitchen, "tbl tablespoon/tablespoons dessertspoon/dessertspoons dsp oz ozs"),
        (
            UnitKind::Kitchen,
            "ounce/ounces lb lbs pound/pounds pint/pints pt pts quart/quarts qt qts",
        ),
        (UnitKind::Kitchen, "gallon/gallons gal gals floz ts spsk łyżka/łyżki łyżeczka/łyżeczki"),
        (UnitKind::Kitchen, "szklanka/szklanki"),
        (UnitKind::Piece, "clove/cloves slice/slices piece/pieces pinch/pinches dash/dashes"),
        (UnitKind::Piece, "stick/sticks handful/handfuls bunch/bunches sprig/sprigs"),
        (UnitKind::Piece, "stalk/stalks rib/ribs head/heads drop/drops knob/knobs"),
        (UnitKind::Piece, "splash/splashes thumb/thumbs drizzle/drizzles ear/ears"),
        (UnitKind::Piece, "scoop/scoops fillet/fillets filet/filets strip/strips sheet/sheets"),
        (UnitKind::Piece, "wedge/wedges cube/cubes dollop/dollops glug/glugs rasher/rashers"),
        (UnitKind::Piece, "ball/balls bulb/bulbs dozen squeeze rack/racks floret/florets"),
        (UnitKind::Piece, "glass/glasses bowl/bowls spoonful/spoonfuls part/parts"),
        (UnitKind::Piece, "serving/servings portion/portions batch/batches leaf/leaves"),
        (UnitKind::Piece, "chunk/chunks frond/fronds spear/spears punnet/punnets grind/grinds"),
        (UnitKind::Piece, "twist/twists cob/cobs segment/segments round/rounds link/links"),
        (UnitKind::Piece, "nub/nubs lump/lumps sliver/slivers shaving/shavings sleeve/sleeves"),
        (UnitKind::Piece, "grating/gratings crank/cranks log/logs"),
        (UnitKind::Package, "can/cans tin/tins jar/jars package/packages packet/packets"),
        (UnitKind::Package, "pkg/pkgs pack/packs box/boxes bottle/bottles bag/bags"),
        (UnitKind::Package, "carton/cartons tub/tubs container/containers tube/tubes"),
        (UnitKind::Package, "envelope/envelopes sachet/sachets loaf/loaves block/blocks"),
        (UnitKind::Package, "bar/bars pot/pots pouch/pouches brick/bricks case/cases"),
    ],
    phrases: &[
        (UnitKind::Kitchen, "fl oz | fl. oz | fluid ounce/fluid ounces"),
        (UnitKind::Kitchen, "table spoon/table spoons | tea spoon/tea spoons"),
        (UnitKind::Kitchen, "dessert spoon/dessert spoons"),
    ],
    spoons: [
        "tsp | tsps | teaspoon | teaspoons | ts",
        "tbsp | tbsps | tbs | tblsp | tablespoon | tablespoons",
    ],
    numbers: "a couple of 2 | half of an 1/2 | half of a 1/2 | half an 1/2 | half a 1/2 | \
        half 1/2 | a half 1/2 | one half 1/2 | \
        one-half 1/2 | one-fourth 1/4 | one fourth 1/4 | three-fourths 3/4 | \
        three fourths 3/4 | one-eighth 1/8 | one eighth 1/8 | an eighth 1/8 | \
        three-eighths 3/8 | one-sixth 1/6 | one-fifth 1/5 | three quarters of a 3/4 | \
        three-quarters of a 3/4 | three quarters 3/4 | three-quarters 3/4 | \
        three quarter 3/4 | a quarter of an 1/4 | a quarter of a 1/4 | a quarter 1/4 | \
        one quarter 1/4 | quarter of a 1/4 | quarter 1/4 | two thirds of a 2/3 | \
        two-thirds of a 2/3 | two thirds 2/3 | two-thirds 2/3 | a third of a 1/3 | \
        a third 1/3 | one third 1/3 | one-third 1/3 | one 1 | two 2 | three 3 | four 4 | \
        five 5 | six 6 | seven 7 | eight 8 | nine 9 | ten 10 | eleven 11 | twelve 12 | \
        thirteen 13 | fourteen 14 | fifteen 15 | sixteen 16 | seventeen 17 | \
        eighteen 18 | nineteen 19 | twenty 20 | thirty 30 | forty 40 | fifty 50 | \
        sixty 60 | seventy 70 | eighty 80 | ninety 90 | a hundred 100",
    halves: "and a half | & a half",
    leading: "",
    articles: "a | an",
    adjectives: "large | medium | small | big | heaped | heaping | level | scant | generous | \
        good | rounded | packed | fat | thick | thin | fresh | whole | full | \
        loosely packed | firmly packed | lightly packed | tightly packed",
    ones: "pinch | dash | handful | splash | drizzle | squeeze | knob | bunch | sprig | \
        dollop | glug",
    of: "of",
    joints: "plus | minus | less | or | and",
    ranges: "to | or | till | and/or",
    about: "",
    some: "a few | a little | a bit of | a little bit of | some | several | a touch of | \
        plenty of",
    purposes: "to taste | or to taste | as needed | as required | as desired | if needed | \
        if desired | for frying | for deep-frying | for dusting | for greasing | \
        for serving | for garnish | for garnishing | for drizzling | for brushing | \
        for sprinkling | for rolling | for topping | for coating | for cooking | \
        for sautéing | for decorating | for decoration | for brushing | \
        for kneading | for the pan | for the tin | to serve | to garnish | \
        to finish | to decorate | to dust | to drizzle | to cover | to coat | \
        plus more | plus extra | plus some",
};
