using System.Text;

namespace Registry.Host.Serving.Settings;

/// <summary>A key and where it stands.</summary>
/// <param name="Key">The whole key, its parts joined by dots.</param>
/// <param name="Line">The line, from 1.</param>
internal readonly record struct SettingLine(string Key, int Line);

/// <summary>What is wrong with a text.</summary>
/// <param name="Line">The line, from 1.</param>
/// <param name="Message">What is wrong there, and what to do.</param>
/// <param name="Unquoted">The setting whose value wants quotes; null where something else is wrong.</param>
internal readonly record struct TextFault(int Line, string Message, string? Unquoted = null);

/// <summary>
/// Finds the lines that keys of a HOCON text stand on, which Akka's parser forgets, and what that parser passes over, breaks on or never ends at: it is to be given what is <see cref="Readable"/> only.
/// </summary>
internal sealed partial class SettingLines
{
    private readonly string text;
    private readonly List<SettingLine> found = [];
    private readonly List<TextFault> faults = [];
    private readonly List<Range> useless = []; // settings that are at fault
    private int position;
    private int line = 1;
    private int lineStart;
    private int? indentation; // of this line; null before its first character
    private bool isWrong; // the setting that is being read
    private bool isLost;
    private (int Opened, int Closed)? askew; // the first pair of braces of which each begins a line, and not in the same column

    private SettingLines(string text) => this.text = text;

    /// <summary>Every key, objects too, in the order of the text, without the settings that are at fault.</summary>
    public IReadOnlyList<SettingLine> Found => found;

    /// <summary>What is wrong, in the order of the text: at most one thing for a setting, and nothing behind what breaks the structure.</summary>
    public IReadOnlyList<TextFault> Faults => faults;

    /// <summary>The text without the settings that are at fault; null where nobody can tell what belongs together.</summary>
    public string? Readable { get; private set; }

    /// <summary>Reads a text.</summary>
    public static SettingLines Of(string text)
    {
        var lines = Scan(text);
        if (lines.isLost)
            return lines;
        var left = text.ToCharArray();
        foreach (var setting in lines.useless)
            foreach (ref var character in left.AsSpan(setting))
                character = character is '\n' or '\r' ? character : ' ';
        var readable = new string(left);
        if (lines.faults.Count == 0 || Scan(readable).faults.Count == 0)
            lines.Readable = readable;
        return lines;
    }

    private static SettingLines Scan(string text)
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
        return lines;
    }

    // Once for each setting: what else is wrong with it follows from that.
    private void Tell(int at, string message) => Tell(new TextFault(at, message));

    private void Tell(TextFault fault)
    {
        if (!isWrong && !isLost)
            faults.Add(fault);
        isWrong = true;
    }

    // From here on nobody can tell what belongs together.
    private void Lose(int at, string message)
    {
        if (!isLost)
            faults.Add(new(at, message));
        isLost = true;
        position = text.Length;
    }

    private void LoseOpen(char open, int at, int? next = null)
    {
        var where = next is { } before ? $"before line {before}, where another setting begins" : $"before the end, line {1 + text.AsSpan().TrimEnd().Count('\n')}";
        var hint = open == '{' && askew is { } pair ? $" The '}}' of line {pair.Closed} closes the '{{' of line {pair.Opened} and is indented otherwise: look there first." : "";
        Lose(at, $"this '{open}' is not closed: a '{Closing(open)}' is missing {where}.{hint}");
    }

    private void LoseClosing() =>
        Lose(line, $"this '{Current}' closes nothing: no '{(Current == ']' ? '[' : '{')}' is open here. Take it out, or put in what it is to close.");

    private static char Closing(char open) => open == '[' ? ']' : '}';

    private bool AtEnd => position >= text.Length;

    private char Current => position < text.Length ? text[position] : '\0';

    private void Step()
    {
        if (Current == '\n')
        {
            line++;
            (lineStart, indentation) = (position + 1, null);
        }
        else if (!char.IsWhiteSpace(Current))
            indentation ??= position - lineStart;
        position++;
    }

    // Up to the brace that ends it, or the end of the text where no brace began it.
    private void ReadObject(string prefix, int? began)
    {
        var outer = indentation;
        while (true)
        {
            SkipBetween();
            if (AtEnd)
            {
                if (began is { } brace)
                    LoseOpen('{', brace);
                return;
            }

            if (Current == '}')
            {
                if (began is not { } opened)
                {
                    LoseClosing();
                    return;
                }

                if (indentation is null && position - lineStart != outer)
                    askew ??= (opened, line);
                Step();
                return;
            }

            ReadSetting(prefix);
        }
    }

    private void ReadSetting(string prefix)
    {
        var (at, start, within, before) = (line, position, isWrong, found.Count);
        isWrong = false;
        var key = ReadKey();
        var whole = prefix.Length == 0 ? key : $"{prefix}.{key}";
        if (key.Length == 0)
            Tell(at, "a value without a key. A setting is key = value, or key { … }.");
        else
            found.Add(new(whole, at));
        SkipSpace();
        if (Current is '=' or ':' or '{' or '+')
            ReadValue(key, whole);
        else
            Tell(at, key.StartsWith("include ", StringComparison.Ordinal) ? "include is not supported; put everything into one file." : "a key without a value. A setting is key = value, or key { … }.");
        if (isWrong && !isLost)
        {
            // With its comma: two of them in a row are one too many.
            useless.Add(start..(Current == ',' ? position + 1 : position));
            found.RemoveRange(before, found.Count - before);
        }

        isWrong = within;
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

    private void SkipSpace()
    {
        while (!AtEnd && char.IsWhiteSpace(Current))
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
                if (Current is '[' or ']')
                    Lose(line, $"'{Current}' in a key. A setting is key = value, or key {{ … }}.");
                else if (Current == '$')
                    Tell(line, "'$' in a key. A setting is key = value, or key { … }.");
                key.Append(Current);
                Step();
            }
        }

        return key.ToString().Trim();
    }
}
