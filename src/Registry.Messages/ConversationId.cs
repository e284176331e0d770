using System.Diagnostics.CodeAnalysis;

namespace Registry.Messages;

/// <summary>The name an application gives to one session: 1 to 256 printable characters. It is also the label of the session's data channel.</summary>
public readonly record struct ConversationId
{
    /// <summary>The longest id, in UTF-16 characters.</summary>
    public const int MaxLength = 256;

    private readonly string? value;

    /// <summary>Takes a valid id.</summary>
    /// <exception cref="FormatException">The text is empty, too long, or holds a control character or half of a surrogate pair.</exception>
    public ConversationId(string value)
    {
        if (!IsValid(value))
            throw new FormatException($"A conversation id is 1 to {MaxLength} printable characters.");
        this.value = value;
    }

    /// <summary>Reads an id from text that may be wrong.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ConversationId id)
    {
        var valid = IsValid(text);
        id = valid ? new(text!) : default;
        return valid;
    }

    /// <summary>The id as text.</summary>
    public override string ToString() => value ?? "";

    private static bool IsValid(string? text)
    {
        if (text is not { Length: > 0 and <= MaxLength })
            return false;
        foreach (var rune in text.EnumerateRunes())
            if (System.Text.Rune.IsControl(rune) || rune == System.Text.Rune.ReplacementChar)
                return false;
        return true;
    }
}
