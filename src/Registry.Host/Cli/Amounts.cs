using System.Globalization;

namespace Registry.Host.Cli;

/// <summary>Amounts as people read them.</summary>
internal static class Amounts
{
    /// <summary>Bytes, as <c>12 B</c>, <c>3.4 kB</c> (10³) or <c>5.6 MB</c> (10⁶).</summary>
    public static string Bytes(double bytes) => bytes switch
    {
        < 1000 => string.Create(CultureInfo.InvariantCulture, $"{bytes:0} B"),
        < 1e6 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:0.0} kB"),
        < 1e9 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.0} GB"),
    };

    /// <summary>Milliseconds, as <c>0.15 ms</c>, <c>2.3 ms</c> or <c>127 ms</c>.</summary>
    public static string Milliseconds(double milliseconds) => milliseconds switch
    {
        < 1 => string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0.00} ms"),
        < 10 => string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0.0} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0} ms"),
    };

    /// <summary>A time, as <c>12s</c>, <c>3m04s</c>, <c>5h06m</c> or <c>7d08h</c>.</summary>
    public static string Age(TimeSpan age) => age switch
    {
        { TotalMinutes: < 1 } => $"{Math.Max(0, (int)age.TotalSeconds)}s",
        { TotalHours: < 1 } => $"{age.Minutes}m{age.Seconds:00}s",
        { TotalDays: < 1 } => $"{age.Hours}h{age.Minutes:00}m",
        _ => $"{(int)age.TotalDays}d{age.Hours:00}h",
    };

    /// <summary>So many of something: <c>1 tube</c>, <c>2 tubes</c>.</summary>
    public static string Count(int count, string what) => count == 1 ? $"1 {what}" : $"{count} {what}s";
}
