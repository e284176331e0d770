using System.Diagnostics.CodeAnalysis;

namespace Registry.Messages;

/// <summary>The name of a tube: 1 to 128 characters of <c>A-Z a-z 0-9 . _ -</c>, unique on a node while the tube lives.</summary>
public readonly record struct TubeId
{
    /// <summary>The longest id, in characters.</summary>
    public const int MaxLength = 128;

    private readonly string? value;

    /// <summary>Takes a valid id.</summary>
    /// <exception cref="FormatException">The text is empty, too long, or holds a character that is not allowed.</exception>
    public TubeId(string value)
    {
        if (!IsValid(value))
            throw new FormatException($"'{value}' is not a tube id: 1 to {MaxLength} characters of A-Z a-z 0-9 . _ - are allowed.");
        this.value = value;
    }

    /// <summary>A fresh id that no one can guess.</summary>
    public static TubeId NewId() => new(Guid.NewGuid().ToString());

    /// <summary>Reads an id from text that may be wrong.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out TubeId id)
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
        foreach (var c in text)
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-'))
                return false;
        return true;
    }
}
