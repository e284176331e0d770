namespace Registry.Host.Cli;

/// <summary>Text of gateways and peers, before people see it: on a terminal it must not act, nor look like something else.</summary>
internal static class PlainText
{
    /// <summary>The text in one line, without what a terminal obeys (control characters, of which escape sequences begin with one) and what turns its direction.</summary>
    public static string Of(string text) => text.Any(Acts) ? new([.. text.ReplaceLineEndings(" ").Where(c => !Acts(c))]) : text;

    // The last are the embeddings, overrides and isolates of the bidirectional algorithm (UAX #9 §2).
    private static bool Acts(char c) => char.IsControl(c) || c is '\u2028' or '\u2029' or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');
}
