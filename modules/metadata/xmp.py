"""XMP read and changed property by property: all else in the packet stays (ISO 16684-1, §6–7; XMP 1, §7–8).

A packet comes from outside: one with a document type, which could define entities, is not read at all.
"""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from typing import TypeAlias
from xml.dom import minidom
from xml.parsers import expat

from modules.base.errors import InvalidImage
from modules.base.limits import MAX_INFOTEXT

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML = "http://www.w3.org/XML/1998/namespace"
XMLNS = "http://www.w3.org/2000/xmlns/"
DC, XMP_BASIC = "http://purl.org/dc/elements/1.1/", "http://ns.adobe.com/xap/1.0/"
XMP_PREFIXES = {
    DC: "dc",
    XMP_BASIC: "xmp",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
}
SPACES = {prefix: space for space, prefix in XMP_PREFIXES.items()}
MOST_ELEMENTS, DEEPEST_ELEMENT = 20_000, 64
NEW_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""/></rdf:RDF>'
    '</x:xmpmeta><?xpacket end="w"?>'
)
XML_MARKS = ((" ", "\ud7ff"), ("\ue000", "\ufffd"), ("\U00010000", "\U0010ffff"))
CONTAINERS = ("Alt", "Bag", "Seq")
XmpValue: TypeAlias = "str | tuple[str, ...]"      # a property's text, or those of a list


def damaged_xmp() -> InvalidImage:
    return InvalidImage("The picture's XMP is damaged.", "Strip it first, then write it anew.")


def xmp_document(packet: bytes) -> minidom.Document:
    """Return a packet's tree. Raises InvalidImage."""
    if packet.startswith((BOM_UTF16_BE, BOM_UTF16_LE)):
        packet = packet.decode("utf-16", "replace").encode()
    content = packet.strip(b"\0 \r\n\t")
    try:
        check_xml(content)
        return minidom.parseString(content)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise damaged_xmp() from error


def check_xml(content: bytes) -> None:
    """Raise InvalidImage for what is too large to be a packet, or defines a document type."""
    parser = expat.ParserCreate()
    depth = count = 0

    def opened(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > DEEPEST_ELEMENT or count > MOST_ELEMENTS or len(attributes) > MOST_ELEMENTS:
            raise damaged_xmp()

    def closed(name: str) -> None:
        nonlocal depth
        depth -= 1

    def typed(*_: object) -> None:
        raise damaged_xmp()

    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = opened, closed, typed
    if len(content) > 4 * MAX_INFOTEXT:
        raise damaged_xmp()
    parser.Parse(content, True)


# Reading -------------------------------------------------------------------------------------------


def xmp_properties(packet: bytes) -> dict[str, XmpValue]:
    """Return values by qualified names, such as dc:title; parts of structures by their path. Raises InvalidImage."""
    if not packet:
        return {}
    found: dict[str, XmpValue] = {}
    for description in descriptions(xmp_document(packet)):
        for name, value in properties_of(description, ""):
            found.setdefault(name, value)
    return found


def descriptions(document: minidom.Document) -> Iterator[minidom.Element]:
    for top in document.getElementsByTagNameNS(RDF, "RDF"):
        yield from (each for each in elements_in(top) if each.namespaceURI == RDF and each.localName == "Description")


def elements_in(node: minidom.Node) -> list[minidom.Element]:
    return [each for each in node.childNodes if isinstance(each, minidom.Element)]


def properties_of(element: minidom.Element, path: str) -> Iterator[tuple[str, XmpValue]]:
    for attribute in element.attributes.values():
        if attribute.namespaceURI not in (RDF, XML, XMLNS, None):
            yield path + qualified(attribute), attribute.value
    for child in elements_in(element):
        yield from values_of(child, path + qualified(child))


def values_of(element: minidom.Element, name: str) -> Iterator[tuple[str, XmpValue]]:
    """Yield a property's value, or those of the parts of a structure."""
    inner = elements_in(element)
    if inner and inner[0].namespaceURI == RDF and inner[0].localName in CONTAINERS:
        yield from items_of(inner[0], name)
    elif inner and inner[0].namespaceURI == RDF and inner[0].localName == "Description":
        yield from properties_of(inner[0], f"{name}/")
    elif inner:
        yield from properties_of(element, f"{name}/")
    else:
        yield name, text_in(element) or element.getAttributeNS(RDF, "resource")


def items_of(container: minidom.Element, name: str) -> Iterator[tuple[str, XmpValue]]:
    items = elements_in(container)
    plain = tuple(text_in(item) for item in items if not elements_in(item))
    if container.localName == "Alt":
        plain = (default_text(items),)
    if any(plain):
        yield name, plain[0] if container.localName == "Alt" else plain
    for number, item in enumerate(items, 1):
        if elements_in(item):
            yield from properties_of(item, f"{name}[{number}]/")


def default_text(items: list[minidom.Element]) -> str:
    """Return that alternative of a text which has no language, or the first."""
    usual = [item for item in items if item.getAttributeNS(XML, "lang") == "x-default"]
    return next((text_in(item) for item in (*usual, *items)), "")


def text_in(element: minidom.Element) -> str:
    return "".join(each.data for each in element.childNodes if isinstance(each, minidom.Text)).strip()


def qualified(node: minidom.Element | minidom.Attr) -> str:
    prefix = XMP_PREFIXES.get(node.namespaceURI or "", node.prefix)
    return f"{prefix}:{node.localName}" if prefix else str(node.localName)


# Writing -------------------------------------------------------------------------------------------


def with_xmp(packet: bytes, changes: Mapping[str, XmpValue]) -> bytes:
    """Return the packet with some properties changed; "" or an empty list takes one away. Raises InvalidImage.

    changes: by qualified names; a text stands by itself for xmp:…, as an alternative of a language for dc:…
    """
    document = xmp_document(packet or NEW_PACKET.encode())
    for name, value in changes.items():
        prefix, _, local = name.partition(":")
        for description in descriptions(document):
            take_away(description, SPACES[prefix], local)
        if value:
            first_description(document).appendChild(property_element(document, name, value))
    if not any(list(properties_of(each, "")) for each in descriptions(document)):
        return b""
    return "".join(node.toxml() for node in document.childNodes).encode("utf-8", "replace")


def take_away(description: minidom.Element, space: str, local: str) -> None:
    if description.hasAttributeNS(space, local):
        description.removeAttributeNS(space, local)
    for child in elements_in(description):
        if (child.namespaceURI, child.localName) == (space, local):
            description.removeChild(child)


def first_description(document: minidom.Document) -> minidom.Element:
    """Return the first set of properties, made if there is none. Raises InvalidImage."""
    for found in descriptions(document):
        return found
    for top in document.getElementsByTagNameNS(RDF, "RDF"):
        made = document.createElementNS(RDF, f"{top.prefix}:Description" if top.prefix else "Description")
        made.setAttributeNS(RDF, f"{top.prefix or 'rdf'}:about", "")
        return top.appendChild(made)
    raise damaged_xmp()


def property_element(document: minidom.Document, name: str, value: XmpValue) -> minidom.Element:
    prefix, _, _ = name.partition(":")
    made = document.createElementNS(SPACES[prefix], name)
    made.setAttribute(f"xmlns:{prefix}", SPACES[prefix])
    if isinstance(value, str) and prefix != "dc":
        made.appendChild(document.createTextNode(xml_text(value)))
        return made
    kind = "Alt" if isinstance(value, str) else "Seq" if name == "dc:creator" else "Bag"
    container = made.appendChild(rdf_element(document, kind))
    for item in (value,) if isinstance(value, str) else value:
        entry = container.appendChild(rdf_element(document, "li"))
        entry.appendChild(document.createTextNode(xml_text(item)))
        if kind == "Alt":
            entry.setAttribute("xml:lang", "x-default")
    return made


def rdf_element(document: minidom.Document, local: str) -> minidom.Element:
    made = document.createElementNS(RDF, f"rdf:{local}")
    if local != "li":
        made.setAttribute("xmlns:rdf", RDF)
    return made


def xml_text(text: str) -> str:
    """Return a text without the marks that XML has no way to write (XML 1.0, §2.2)."""
    return "".join(mark for mark in text if mark in "\t\n\r" or any(low <= mark <= high for low, high in XML_MARKS))
