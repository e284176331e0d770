using System.Buffers;

namespace Registry.Host.Serving.Settings;

/// <summary>The part that reads what stands behind a key.</summary>
internal sealed partial class SettingLines
{
    // What HOCON wants quotes for; in a list Akka's parser stays at it for ever.
    private static readonly SearchValues<char> NotPlain = SearchValues.Create("+`^?!@*&\\=:$");

    // The same outside of lists, where a '+' is plain; '$' is looked at on its own.
    private static readonly SearchValues<char> NotPlainAlone = SearchValues.Create("`^?!@*&\\=:");

    private static readonly SearchValues<char> KeyCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_");

    private enum Part
    {
        None,
        Text,
        /// <summary>A list or an object.</summary>
        Structure,
    }

    // A list or an object that is open within a list, and the line where, before it is closed, a setting seems to begin.
    private readonly record struct Open(char Sign, int Line, int? Next = null);

    private void ReadValue(string name, string key)
    {
        var (at, outer, isColon) = (line, indentation, Current == ':');
        // Akka's parser takes the sign for a part of the key.
        if (Current == '+')
            Tell(line, "'+=' is not supported. Write the whole list.");
        while (Current is '=' or ':' or '+')
            Step();
        SkipSpace();
        var seen = Part.None;
        var isApart = false; // whether there is a space in it
        while (!AtEnd && Current is not ('\n' or ',' or '}') && !IsComment)
        {
            isApart |= seen == Part.Text && char.IsWhiteSpace(Current);
            if (isColon && Current == ':' && line > at && indentation > outer && IsBeforeSpace)
            {
                Lose(at, $"'{name}:' with lines below it that are indented more. Nesting is written with braces: {name} {{ … }}.");
                return;
            }

            if (isApart && (Current == '=' || isColon && Current == ':'))
                Tell(line, $"a second '{Current}' in a setting. Each setting stands on a line of its own, or between commas.");
            if (Current == '[')
            {
                seen = Structure(seen);
                SkipList(key);
            }
            else if (Current == '{')
            {
                seen = Structure(seen);
                var began = line;
                Step();
                ReadObject(key, began);
            }
            else if (Current == ']')
                LoseClosing();
            else if (seen != Part.Structure && NotPlainAlone.Contains(Current))
            {
                Tell(new(line, $"'{Current}' in the value of {key}. Put the text into quotes.", key));
                seen = Part.Text;
                SkipWord();
            }
            else
                seen = SkipText(seen);
        }
    }

    private bool IsBeforeSpace => position + 1 >= text.Length || char.IsWhiteSpace(text[position + 1]);

    // With the // of a URL, which begins a comment elsewhere.
    private void SkipWord()
    {
        while (!AtEnd && !char.IsWhiteSpace(Current) && Current is not (',' or '}' or '"'))
            Step();
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

    private void Beside() => Tell(line, "text beside a list or an object. Each setting stands on a line of its own, or between commas.");

    private string ReadQuoted()
    {
        var quote = text.AsSpan(position).StartsWith("\"\"\"") ? "\"\"\"" : "\"";
        for (var i = 0; i < quote.Length; i++)
            Step();
        var (start, began) = (position, line);
        // Only three quotes hold more than one line.
        while (!AtEnd && !text.AsSpan(position).StartsWith(quote) && !(Current == '\n' && quote.Length == 1))
        {
            if (Current == '\\' && quote.Length == 1)
                Step();
            Step();
        }

        if (AtEnd || Current == '\n')
        {
            Lose(began, quote.Length == 1 ? "this '\"' begins a text that does not end on its line: a second '\"' is missing." : "this '\"\"\"' begins a text that never ends: a second '\"\"\"' is missing.");
            return "";
        }

        var quoted = text[start..position];
        for (var i = 0; i < quote.Length; i++)
            Step();
        return quoted;
    }

    private void SkipSubstitution()
    {
        var at = line;
        Step();
        var isBegun = Current == '{';
        var rest = isBegun ? text.AsSpan(position + 1) : [];
        var length = Math.Max(0, rest.IndexOfAny("{}\n"));
        // The brace that ends it is its own, whatever stands before it.
        var isWhole = length < rest.Length && rest[length] == '}';
        // An optional one, ${?key}, that leads nowhere is what Akka's lists stay at for ever.
        if (!isWhole || rest[..length].ContainsAnyExcept(KeyCharacters))
            Tell(at, "'$' that begins no ${key}. Put it into quotes.");
        for (var left = isWhole ? length + 2 : isBegun ? length + 1 : 0; left > 0; left--)
            Step();
    }

    // Objects may be within it; their keys are nobody's settings.
    private void SkipList(string key)
    {
        var open = new Stack<Open>();
        var (seen, told) = (Part.None, faults.Count);
        TextFault? plain = null; // what would need quotes, if the list has an end
        do
        {
            if (IsComment)
                SkipLine();
            else if (Current is '[' or '{')
            {
                if (open.TryPeek(out var within) && within.Sign == '[')
                    Structure(seen);
                open.Push(new(Current, line));
                seen = Part.None;
                Step();
            }
            else if (Current is ']' or '}')
            {
                if (open.Peek() is var last && Closing(last.Sign) != Current)
                {
                    LoseList(told, last, Current);
                    return;
                }

                open.Pop();
                seen = Part.Structure;
                Step();
            }
            else if (Current is ',' or '\n' || Current is '=' or ':' or '+' && open.Peek().Sign == '{')
            {
                seen = Part.None;
                Step();
            }
            else
            {
                if (NotPlain.Contains(Current))
                    plain ??= new(line, $"'{Current}' in a list. Put the text into quotes.", key);
                if (Current == '=' && open.Peek() is { Next: null } list && line > list.Line)
                    open.Push(open.Pop() with { Next = line });
                seen = SkipText(seen);
            }
        }
        while (!AtEnd && open.Count > 0);
        if (open.TryPeek(out var left))
            LoseList(told, left, null);
        else if (plain is { } unquoted)
            Tell(unquoted);
    }

    // What was found in it is only what stands behind its end.
    private void LoseList(int told, Open open, char? instead)
    {
        if (isLost)
            return;
        faults.RemoveRange(told, faults.Count - told);
        if (instead is { } closing && open.Next is null)
            Lose(line, $"this '{closing}' stands where the '{open.Sign}' of line {open.Line} is still open: a '{Closing(open.Sign)}' is missing before it.");
        else
            LoseOpen(open.Sign, open.Line, open.Next);
    }
}
