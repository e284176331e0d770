using System.Buffers;
using System.Text;

namespace Registry.Host.Serving.Settings;

/// <summary>A key and where it stands.</summary>
/// <param name="Key">The whole key, its parts joined by dots.</param>
/// <param name="Line">The line, from 1.</param>
internal readonly record struct SettingLine(string Key, int Line);

/// <summary>
/// Finds the lines that keys of a HOCON text stand on, which Akka's parser forgets, and what that parser passes over, breaks on or never ends at: it is to be given a text without faults only.
/// </summary>
internal sealed class SettingLines
{
    // What HOCON wants quotes for; in a list Akka's parser stays at it for ever.
    private static readonly SearchValues<char> NotPlain = SearchValues.Create("+`^?!@*&\\=:$");

    private readonly string text;
    private readonly List<SettingLine> found = [];
    private int position;
    private int line = 1;

    private string? fault;

    private SettingLines(string text) => this.text = text;

    /// <summary>Finds the keys.</summary>
    /// <param name="text">The text.</param>
    /// <param name="fault">What is wrong with it, with its line: a brace, bracket or quote that has no other, or a key without a value; null for nothing.</param>
    /// <returns>Every key, objects too, in the order of the text.</returns>
    public static IReadOnlyList<SettingLine> Of(string text, out string? fault)
    {
        var lines = new SettingLines(text);
        lines.SkipBetween();
        if (lines.Current == '{')
        {
            var at = lines.line;
            lines.Step();
            lines.ReadObject("", at);
        }

        lines.ReadObject("", null);
        fault = lines.fault;
        return lines.found;
    }

    private void Unbalanced(string what, int at) => fault ??= $"line {at}: this {what} has no other.";

    private bool AtEnd => position >= text.Length;

    private char Current => position < text.Length ? text[position] : '\0';

    private void Step()
    {
        if (Current == '\n')
            line++;
        position++;
    }

    // Up to the brace that ends it, or the end of the text where no brace began it.
    private void ReadObject(string prefix, int? began)
    {
        while (true)
        {
            SkipBetween();
            if (AtEnd)
            {
                if (began is { } brace)
                    Unbalanced("brace", brace);
                return;
            }

            if (Current == '}')
            {
                Step();
                if (began is not null)
                    return;
                Unbalanced("brace", line);
                continue;
            }

            var at = line;
            var start = position;
            var key = ReadKey();
            if (key.Length == 0)
                fault ??= $"line {at}: a value without a key. A setting is key = value, or key {{ … }}.";
            else
            {
                var whole = prefix.Length == 0 ? key : $"{prefix}.{key}";
                found.Add(new(whole, at));
                ReadValue(whole, at);
            }

            if (position == start)
                Step();
        }
    }

    private void SkipBetween()
    {
        while (!AtEnd)
        {
            if (IsComment)
                SkipLine();
            else if (char.IsWhiteSpace(Current) || Current is ',' or '\uFEFF')
                Step();
            else
                return;
        }
    }

    private bool IsComment => Current == '#' || Current == '/' && position + 1 < text.Length && text[position + 1] == '/';

    private void SkipLine()
    {
        while (!AtEnd && Current != '\n')
            Step();
    }

    private string ReadKey()
    {
        var key = new StringBuilder();
        while (!AtEnd && Current is not ('=' or ':' or '{' or '}' or '\n' or ',') && !(Current == '+' && position + 1 < text.Length && text[position + 1] == '='))
        {
            if (Current == '"')
                key.Append(ReadQuoted());
            else
            {
                if (Current is '[' or ']' or '$')
                    fault ??= $"line {line}: '{Current}' in a key. A setting is key = value, or key {{ … }}.";
                key.Append(Current);
                Step();
            }
        }

        return key.ToString().Trim();
    }

    private void ReadValue(string key, int at)
    {
        SkipSpace();
        if (Current is not ('=' or ':' or '{' or '+'))
        {
            fault ??= key.StartsWith("include ", StringComparison.Ordinal)
                ? $"line {at}: include is not supported; put everything into one file."
                : $"line {at}: a key without a value. A setting is key = value, or key {{ … }}.";
            return;
        }

        while (Current is '=' or ':' or '+')
            Step();
        SkipSpace();
        var seen = Part.None;
        var isApart = false; // whether there is a space in it
        while (!AtEnd && Current is not ('\n' or ',' or '}') && !IsComment)
        {
            isApart |= seen == Part.Text && char.IsWhiteSpace(Current);
            if (Current == '=' && isApart)
                fault ??= $"line {line}: a second '=' in a setting. Each setting stands on a line of its own, or between commas.";
            if (Current == '[')
            {
                seen = Structure(seen);
                SkipList();
            }
            else if (Current == '{')
            {
                seen = Structure(seen);
                var began = line;
                Step();
                ReadObject(key, began);
            }
            else if (Current == ']')
            {
                Unbalanced("bracket", line);
                Step();
            }
            else
                seen = SkipText(seen);
        }
    }

    private enum Part
    {
        None,
        Text,
        /// <summary>A list or an object.</summary>
        Structure,
    }

    private Part Structure(Part seen)
    {
        if (seen == Part.Text)
            Beside();
        return Part.Structure;
    }

    // One character of it, or what is quoted or substituted.
    private Part SkipText(Part seen)
    {
        if (Current == '$')
        {
            SkipSubstitution();
            return seen;
        }

        if (char.IsWhiteSpace(Current))
        {
            Step();
            return seen;
        }

        if (seen == Part.Structure)
            Beside();
        if (Current == '"')
            ReadQuoted();
        else
            Step();
        return Part.Text;
    }

    private void Beside() => fault ??= $"line {line}: text beside a list or an object. Each setting stands on a line of its own, or between commas.";

    private string ReadQuoted()
    {
        var quote = text.AsSpan(position).StartsWith("\"\"\"") ? "\"\"\"" : "\"";
        for (var i = 0; i < quote.Length; i++)
            Step();
        var (start, began) = (position, line);
        while (!AtEnd && !text.AsSpan(position).StartsWith(quote))
        {
            // Only three quotes hold more than one line.
            if (Current == '\n' && quote.Length == 1)
                Unbalanced("quote", began);
            if (Current == '\\' && quote.Length == 1)
                Step();
            Step();
        }

        if (AtEnd)
            Unbalanced("quote", began);
        var quoted = text[start..Math.Min(position, text.Length)];
        for (var i = 0; i < quote.Length; i++)
            Step();
        return quoted;
    }

    private void SkipSubstitution()
    {
        var at = line;
        Step();
        var isWhole = Current == '{';
        while (isWhole && !AtEnd && Current is not ('}' or '\n'))
        {
            Step();
            isWhole = char.IsAsciiLetterOrDigit(Current) || Current is '.' or '-' or '_' or '}';
        }

        // An optional one, ${?key}, that leads nowhere is what Akka's lists stay at for ever.
        if (!isWhole || Current != '}')
            fault ??= $"line {at}: '$' that begins no ${{key}}. Put it into quotes.";
        else
            Step();
    }

    private void SkipSpace()
    {
        while (!AtEnd && char.IsWhiteSpace(Current))
            Step();
    }

    // Objects may be within it; their keys are nobody's settings.
    private void SkipList()
    {
        var open = new Stack<(char Bracket, int Line)>();
        var seen = Part.None;
        string? plain = null; // what would need quotes, if the list has an end
        do
        {
            if (IsComment)
                SkipLine();
            else if (Current is '[' or '{')
            {
                if (open.TryPeek(out var within) && within.Bracket == '[')
                    Structure(seen);
                open.Push((Current, line));
                seen = Part.None;
                Step();
            }
            else if (Current is ']' or '}')
            {
                if (open.Pop().Bracket != (Current == ']' ? '[' : '{'))
                    Unbalanced(Current == ']' ? "bracket" : "brace", line);
                seen = Part.Structure;
                Step();
            }
            else if (Current is ',' or '\n' || Current is '=' or ':' or '+' && open.Peek().Bracket == '{')
            {
                seen = Part.None;
                Step();
            }
            else
            {
                if (NotPlain.Contains(Current))
                    plain ??= $"line {line}: '{Current}' in a list. Put the text into quotes.";
                seen = SkipText(seen);
            }
        }
        while (!AtEnd && open.Count > 0);
        if (open.TryPeek(out var last))
            Unbalanced(last.Bracket == '[' ? "bracket" : "brace", last.Line);
        fault ??= plain;
    }
}
