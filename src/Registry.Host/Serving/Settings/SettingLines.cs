using System.Text;

namespace Registry.Host.Serving.Settings;

/// <summary>A key and where it stands.</summary>
/// <param name="Key">The whole key, its parts joined by dots.</param>
/// <param name="Line">The line, from 1.</param>
internal readonly record struct SettingLine(string Key, int Line);

/// <summary>Finds the lines that keys of a HOCON text stand on, which Akka's parser forgets. The text is one that it has taken.</summary>
internal sealed class SettingLines
{
    private readonly string text;
    private readonly List<SettingLine> found = [];
    private int position;
    private int line = 1;

    private string? fault;

    private SettingLines(string text) => this.text = text;

    /// <summary>Finds the keys.</summary>
    /// <param name="text">The text.</param>
    /// <param name="fault">What is wrong with it although Akka's parser does not mind, with its line: a brace or a quote that has no other; null for nothing.</param>
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
            if (key.Length > 0)
            {
                var whole = prefix.Length == 0 ? key : $"{prefix}.{key}";
                found.Add(new(whole, at));
                ReadValue(whole);
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
                key.Append(Current);
                Step();
            }
        }

        return key.ToString().Trim();
    }

    private void ReadValue(string key)
    {
        while (Current is '=' or ':' or '+' or ' ' or '\t' or '\r' or '\n' && !AtEnd)
            Step();
        while (!AtEnd && Current is not ('\n' or ',' or '}') && !IsComment)
        {
            if (Current == '"')
                ReadQuoted();
            else if (Current == '$')
                SkipSubstitution();
            else if (Current == '[')
                SkipList();
            else if (Current == '{')
            {
                var began = line;
                Step();
                ReadObject(key, began);
            }
            else
                Step();
        }
    }

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
        Step();
        if (Current != '{')
            return;
        while (!AtEnd && Current != '}')
            Step();
        Step();
    }

    private void SkipList()
    {
        var depth = 0;
        do
        {
            if (Current == '"')
            {
                ReadQuoted();
                continue;
            }

            if (IsComment)
            {
                SkipLine();
                continue;
            }

            depth += Current switch { '[' => 1, ']' => -1, _ => 0 };
            Step();
        }
        while (!AtEnd && depth > 0);
    }
}
