"""Tables of colours.

STANDARD and COLOUR_BLIND have one for each annotation value 0..254, as #rgb without the #: c47 is RGB 204, 68, 119.
The first is black, for 'other'. Each of the next is the colour of a 16 x 16 x 16 grid that is farthest by CIEDE2000
from black, white and all colours before it (Gonzalez 1985, farthest-point clustering), so the first N colours suit N
classes. The tests measure the distances.
"""

# CIELAB lightness above 30 and chroma below 60: neither close to black nor glaring.
STANDARD = """
000 c47 283 07c b72 3bb c9f cc5 055 820 547 faa 888 8fb 650 8bf fc9 755 881 c54 bff 8a8 fdf 87a 815 352 087 f7b ffc 665
39b bbc b98 057 949 667 864 8c6 f96 78e 543 bba 2cf b9a 923 886 178 0b8 da4 e67 0ed a77 bdb 740 799 bde 45a b6b cf9 575
a51 ecc 968 fae 09f 560 ba7 b75 bbf 455 9a5 ff8 970 545 99b edc 76c 3ef 677 064 9cc fd7 954 efe 5a5 e87 746 878 c96 89a
096 727 ddf cc9 679 b9c 399 987 c79 683 baa 874 956 734 abb 354 c45 6a9 687 a25 7db 456 160 553 a7d ccc dbe ba4 bfd 759
689 961 d8d dba 768 666 6bc 976 743 998 d9b dcd fb9 7ac 889 a84 379 653 f89 dfc bd9 a37 ddc 544 c99 4d9 988 896 0ae ebc
99d b67 57c 8c9 766 369 ba9 669 dee 471 a42 d84 696 844 aaa abc fee 049 9ba c59 563 9fe dca 565 077 467 557 765 fb6 38b
549 8de 588 98a ab9 486 96b 0ab 9ac 48e bcb c76 056 a44 730 476 0cb bce 9af 772 db7 9b7 274 466 a86 642 898 756 853 aa8
fec ea9 78b fa6 7dd b8a d74 def adc 9ce a7a fef 752 d97 0cd 489 c66 fcb fea 0a9 6aa d88 ca8 bc7 678 754 eef 68a de9 551
858 4fc bab 932 9e9 79c a97 e69 d94 2ff 638 7a4 ffe 763 d57
"""

# Distances as protanopes and deuteranopes see them, too (Machado, Oliveira and Fernandes 2009); lightness above 20 and
# chroma below 80. The first 20 are easy to tell apart, the first 50 can be; after that readers need the boundaries and
# the names.
COLOUR_BLIND = """
000 36e 870 ed3 799 555 327 530 dbf 9b8 ffc 876 668 9a0 334 29b dbc 753 c8f 24b 795 cd8 533 ddc 677 998 fdf 356 ff8 aba
774 bac 689 850 66a 458 8c5 bda 665 643 ffe 28c 246 87f f66 b9d 980 aaa 741 538 ddd cfa 45c 667 b68 79a a97 18a 344 622
035 666 688 ac8 c74 5ee eec aca bab de7 129 d14 787 ff5 925 ab0 c56 caf 642 cc3 523 ebd 675 657 862 8a9 a8d 9b9 644 764
bcb 23a 605 967 b6d ad6 a9b d5b 65a b94 b69 f9d a46 585 331 042 737 869 763 e79 9fe 56c bea 2a6 9a8 859 991 9b7 ac9 bbb
3ba 549 3af 166 054 0dc 6aa b6a f97 b9c d25 914 752 8ed cdb 968 a73 9bd dcf fe4 e77 b8c ffd 055 336 eed 535 988 eee ba4
ece 6ff 6bb 604 a77 253 611 b86 333 cfb b18 627 bd9 d69 773 074 849 dbe fe9 58b 6be 594 5c6 dd5 441 582 645 78e 252 8ec
fa5 057 363 271 7a5 936 95b 508 d9e 47c 9fd b30 5a7 ceb 25b c67 cc7 cff 386 706 039 362 398 fe6 99e 4ca e45 088 9f8 064
48d 2da 5ab 5db 4a8 f89 bee ebb 476 88c 168 490 1b8 f73 86e abc 64a ae9 bb4 e43 a59 829 9dc 9fc bcd 09a 365 560 b17 243
758 528 87c 07f dd7 ef9 1ea 0d8 d4b 9ce ba5 b9a dc5 800 88f
"""

# #rrggbb at 0, 10, ... 100 percent, from dark violet over teal to bright yellow: each step has the same CIEDE2000, and
# lightness rises all the way, so readers who confuse red and green, and gray prints, keep the order.
HEAT = "20146d 053582 095592 0e709e 0e869f 029b9e 09ad94 11c280 7fd371 c1e16c f8eb73"
