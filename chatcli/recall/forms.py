"""English forms that no rule finds: irregular verbs and nouns, contractions of everyday words, number words."""

_BASES = """
be:am is are was were been being|have:has had having|do:does did done doing|go:goes went gone going|say:said
get:got gotten|make:made|know:knew known|think:thought|take:took taken|see:saw seen|come:came|find:found
give:gave given|tell:told|feel:felt|become:became|leave:left|mean:meant|keep:kept|begin:began begun|hold:held
bring:brought|write:wrote written|stand:stood|lose:lost|meet:met|run:ran|sit:sat|speak:spoke spoken|lead:led
grow:grew grown|fall:fell fallen|send:sent|build:built|understand:understood|draw:drew drawn|break:broke broken
spend:spent|rise:rose risen|drive:drove driven|buy:bought|wear:wore worn|choose:chose chosen|catch:caught
eat:ate eaten|drink:drank drunk|sing:sang sung|swim:swam swum|sleep:slept|teach:taught|fight:fought|seek:sought
fly:flew flown|throw:threw thrown|show:shown|hide:hid hidden|ride:rode ridden|shake:shook shaken|wake:woke woken
steal:stole stolen|forget:forgot forgotten|forgive:forgave forgiven|freeze:froze frozen|tear:tore torn
swear:swore sworn|ring:rang rung|sink:sank sunk|blow:blew blown|bite:bit bitten|shoot:shot|sell:sold|win:won
pay:paid|lay:laid|hear:heard|lend:lent|bend:bent|deal:dealt|dream:dreamt|learn:learnt|burn:burnt|feed:fed
breed:bred|hang:hung|dig:dug|stick:stuck|strike:struck|swing:swung|spin:spun|sting:stung|shine:shone|light:lit
slide:slid|weave:wove woven|bear:bore born borne|beat:beaten|lie:lay lain|shut:shutting|knit:knitted
upset:upsetting|withdraw:withdrew withdrawn|overcome:overcame|child:children|man:men|woman:women
person:people persons|foot:feet|tooth:teeth|mouse:mice|goose:geese|leaf:leaves|life:lives|wife:wives|knife:knives
shelf:shelves|loaf:loaves|half:halves|wolf:wolves|calf:calves|thief:thieves|good:better best|bad:worse worst
far:further farther furthest|kid:kiddo kiddos|datum:data|medium:media|index:indices|matrix:matrices
analysis:analyses|crisis:crises|diagnosis:diagnoses|bacterium:bacteria|criterion:criteria
photo:photograph photographs photography|pic:pics picture pictures|phone:telephone
bike:bicycle bicycles bicycling biking|mom:mum mommy mummy mother moms mums|dad:daddy father dads
grandma:grandmother granny nana|grandpa:grandfather granddad|tv:television televisions telly|fridge:refrigerator
plane:airplane aeroplane|exam:examination|vet:veterinarian veterinary|doc:doctor doctors
app:application applications|info:information|math:maths mathematics|gym:gymnasium|lab:laboratory
color:colour colours coloured|favorite:favourite favourites fave|center:centre|theater:theatre|gray:grey
jewelry:jewellery|flavor:flavour|neighbor:neighbour neighbours|neighborhood:neighbourhood|humor:humour
honor:honour|behavior:behaviour|apologize:apologise|organize:organise organised|realize:realise realised
recognize:recognise recognised|db:database databases|config:configuration configurations
repo:repository repositories|k8s:kubernetes|env:environment|postgres:postgresql pg|js:javascript|py:python
prod:production|auth:authentication|admin:administrator|decide:decision decisions|choice:choices
advise:advice advised advises advising|believe:belief beliefs|grow:growth|die:death dead died dying deaths
born:birth|marry:marriage married marries|succeed:success successful|arrive:arrival|survive:survival
propose:proposal|deliver:delivery|discover:discovery|recover:recovery|inspire:inspiration inspirational
explain:explanation|describe:description|receive:receipt|weigh:weight|high:height|long:length|deep:depth
wide:width|strong:strength|warm:warmth|inspect:inspection inspector|invite:invitation|apply:applied applies
pronounce:pronunciation|destroy:destruction|produce:production|compete:competition competitor|perform:performance
volunteer:volunteering voluntary|compose:composition composer|lose:loss losses|sell:sale sales|fly:flight flights
buy:purchase purchases purchased purchasing|heal:health healthy|wed:wedding weddings|think:thoughts
"""

_SMALL = (  # noqa: SIM905
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905


def _bases() -> dict[str, str]:
    """Return form → base."""
    found: dict[str, str] = {}
    for line in _BASES.replace("\n", "|").split("|"):
        base, _, forms = line.partition(":")
        for form in forms.split():
            found.setdefault(form, base)
    found.update({word: str(number) for number, word in enumerate(_SMALL)})
    found.update({word: str(number * 10) for number, word in enumerate(_TENS, 2)})
    found.update({month[:3]: month for month in _MONTHS if month not in ("march", "may")})
    return found


BASE_OF = _bases()
"""The base of an irregular form, a shortened or a number word, all in lower case."""
