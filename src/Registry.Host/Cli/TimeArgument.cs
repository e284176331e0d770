using System.CommandLine.Parsing;
using System.Globalization;

namespace Registry.Host.Cli;

/// <summary>Times as options take them: <c>500ms</c>, <c>30s</c>, <c>5m</c> or <c>2h</c>.</summary>
internal static class TimeArgument
{
    /// <summary>Reads an option's time.</summary>
    /// <param name="argument">What was given.</param>
    /// <param name="option">The option's name, for the error.</param>
    /// <param name="most">The longest.</param>
    public static TimeSpan? Parse(ArgumentResult argument, string option, TimeSpan most)
    {
        var text = argument.Tokens.Single().Value;
        var number = text.TrimEnd('h', 'm', 's');
        double unit = text[number.Length..] switch { "ms" => 1, "s" => 1000, "m" => 60_000, "h" => 3_600_000, _ => 0 };
        if (double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count) && count * unit is >= 1 and var ms && ms <= most.TotalMilliseconds)
            return TimeSpan.FromMilliseconds(ms);
        argument.AddError($"{option} '{text}' must be a time such as 500ms, 30s, 5m or 2h, at most {(most.TotalHours >= 1 ? $"{most.TotalHours} hours" : $"{most.TotalSeconds} seconds")}.");
        return null;
    }
}
