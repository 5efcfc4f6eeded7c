package history

// What the tests reach into: the file's text, without a file.

// Parse reads the text of a state file; the lists of the View are the oldest
// first.
func Parse(text []byte, ids []string) (View, error) {
	wan, links, err := parse(text, ids)
	return View{WAN: wan, Links: links}, err
}

// FormOf is the form of the file that holds v, as Parse returned it.
func FormOf(v View) any { return formOf(v.WAN, v.Links) }
