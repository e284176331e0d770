using System.Diagnostics.CodeAnalysis;

namespace Registry.Messages;

/// <summary>
/// What guacd is told about a session, by name. Passwords and keys are among it: no text form shows a value. Names are compared as the original does,
/// without regard to case, <c>-</c> and <c>_</c>.
/// </summary>
public sealed class GuacdParameters : IEquatable<GuacdParameters>
{
    /// <summary>Most parameters of one session.</summary>
    public const int MaxCount = 256;

    /// <summary>The longest name, in characters.</summary>
    public const int MaxName = 64;

    /// <summary>The longest value, in characters (UTF-16).</summary>
    public const int MaxValue = 16 * 1024;

    /// <summary>Characters (UTF-16) of all values together, at most.</summary>
    public const int MaxTotal = 64 * 1024;

    private readonly Dictionary<string, string> values = [];
    private readonly List<KeyValuePair<string, string>> given = [];

    private GuacdParameters() { }

    /// <summary>Names and values as they were given.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> All => given;

    /// <summary>The value of a parameter; null when it was not given.</summary>
    /// <param name="name">Its name, in any spelling.</param>
    public string? this[string name] => values.GetValueOrDefault(Plain(name));

    /// <summary>Takes names and values.</summary>
    /// <param name="given">What guacd is told.</param>
    /// <param name="parameters">The same, or null.</param>
    /// <param name="error">What is wrong with which name, or null; without the value.</param>
    internal static bool TryCreate(IEnumerable<KeyValuePair<string, string>> given, [NotNullWhen(true)] out GuacdParameters? parameters, [NotNullWhen(false)] out SettingError? error)
    {
        (parameters, error) = (null, null);
        var read = new GuacdParameters();
        var total = 0;
        foreach (var (name, value) in given)
        {
            total += value.Length;
            error = !IsName(name) ? new(name, $"is not a parameter's name: 1 to {MaxName} characters of A-Z a-z 0-9 - _ are allowed")
                : value.Length > MaxValue ? new(name, $"is longer than {MaxValue} characters")
                : !IsText(value) ? new(name, "is not text that guacd can be sent: NUL and halves of surrogate pairs are not")
                : read.values.TryAdd(Plain(name), value) ? null : new(name, "is given twice in different spellings");
            if (error is null && (read.values.Count > MaxCount || total > MaxTotal))
                error = new("", $"holds more than {MaxCount} parameters or {MaxTotal} characters");
            if (error is not null)
                return false;
            read.given.Add(new(name, value));
        }

        parameters = read;
        return true;
    }

    /// <summary>A name as it is compared.</summary>
    /// <param name="name">The name.</param>
    public static string Plain(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return string.Create(name.Count(c => c is not ('-' or '_')), name, static (plain, from) =>
        {
            var length = 0;
            foreach (var c in from)
                if (c is not ('-' or '_'))
                    plain[length++] = char.ToLowerInvariant(c);
        });
    }

    private static bool IsName(string name) => name.Length is > 0 and <= MaxName && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') && Plain(name).Length > 0;

    private static bool IsText(string value)
    {
        for (var i = 0; i < value.Length; i++)
        {
            if (value[i] == '\0' || char.IsLowSurrogate(value[i]))
                return false;
            if (char.IsHighSurrogate(value[i]) && (++i == value.Length || !char.IsLowSurrogate(value[i])))
                return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public bool Equals(GuacdParameters? other) => other is not null && given.SequenceEqual(other.given);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as GuacdParameters);

    /// <inheritdoc/>
    public override int GetHashCode() => given.Count == 0 ? 0 : HashCode.Combine(given.Count, given[0].Key, given[^1].Key);

    /// <summary>How many there are.</summary>
    public override string ToString() => $"{given.Count} parameters";
}

/// <summary>What is wrong with a setting.</summary>
/// <param name="Key">Its key.</param>
/// <param name="What">A sentence's rest, behind the key.</param>
internal sealed record SettingError(string Key, string What);
