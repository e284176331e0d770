using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Registry.Client;

/// <summary>Why a gateway's certificate is not trusted, in words, and what to do.</summary>
internal static class CertificateDistrust
{
    // The names are the certificate's, and may be anybody's.
    private const int MostNames = 3;
    private const int LongestName = 80;

    private const X509ChainStatusFlags OfUnknownAuthority = X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain;

    /// <summary>A text that goes on behind "its certificate is not trusted: ".</summary>
    /// <param name="certificate">What was shown; null for nothing.</param>
    /// <param name="chain">How far it leads.</param>
    /// <param name="errors">What is wrong.</param>
    /// <param name="host">The name that was connected to.</param>
    /// <param name="now">The time.</param>
    public static string Of(X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors, string host, DateTimeOffset now)
    {
        if (certificate is null)
            return "it shows none.";
        List<string> reasons = [];
        List<string> advice = [];
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
        {
            reasons.Add(Names(certificate) is { Length: > 0 } names ? $"it is for {names}, not for {host}" : $"it is not for the name {host}");
            advice.Add("Connect to a name that it is for, or give the gateway one for this name.");
        }

        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
            AddChain(chain, now, reasons, advice);
        return $"{string.Join("; ", reasons)}. {string.Join(' ', advice)}".TrimEnd();
    }

    private static void AddChain(X509Chain? chain, DateTimeOffset now, List<string> reasons, List<string> advice)
    {
        var flags = chain?.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, status) => all | status.Status) ?? X509ChainStatusFlags.NoError;
        if (flags.HasFlag(X509ChainStatusFlags.NotTimeValid))
            AddTime(chain!, now, reasons, advice);
        if ((flags & OfUnknownAuthority) != 0)
        {
            reasons.Add("it is of an authority that this machine does not know");
            advice.Add(AuthorityAdvice(Environment.GetEnvironmentVariable("SSL_CERT_FILE")));
        }

        // The system's own words, where there are none here.
        reasons.AddRange((chain?.ChainStatus ?? []).Where(status => (status.Status & ~(OfUnknownAuthority | X509ChainStatusFlags.NotTimeValid)) != 0).Select(status => status.StatusInformation.Trim().TrimEnd('.')).Distinct());
        if (reasons.Count == 0)
            reasons.Add("its chain of authorities is not valid");
    }

    private static void AddTime(X509Chain chain, DateTimeOffset now, List<string> reasons, List<string> advice)
    {
        var at = chain.ChainElements.First(element => element.ChainElementStatus.Any(status => status.Status == X509ChainStatusFlags.NotTimeValid));
        var whose = at == chain.ChainElements[0] ? "it" : $"that of its authority, {Name(at.Certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false))},";
        if (at.Certificate.NotAfter.ToUniversalTime() < now.UtcDateTime)
        {
            reasons.Add($"{whose} expired at {Time(at.Certificate.NotAfter)}");
            advice.Add("The gateway needs a new one, unless this machine's clock is wrong.");
        }
        else
        {
            reasons.Add($"{whose} is not valid before {Time(at.Certificate.NotBefore)}");
            advice.Add("See whether this machine's clock is right.");
        }
    }

    private static string Names(X509Certificate2 certificate)
    {
        var alternative = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault();
        string[] names = alternative is null
            ? [certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false)]
            : [.. alternative.EnumerateDnsNames().Concat(alternative.EnumerateIPAddresses().Select(address => address.ToString())).Take(MostNames + 1)];
        return string.Join(", ", names.Take(MostNames).Select(Name).Where(name => name.Length > 0)) + (names.Length > MostNames ? " and others" : "");
    }

    private static string Name(string name) => new([.. name.Where(sign => sign is >= ' ' and <= '~').Take(LongestName)]);

    private static string Time(DateTime at) => at.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    private static string AuthorityAdvice(string? file) => string.IsNullOrEmpty(file) || File.Exists(file)
        ? "If it is your own authority's, set SSL_CERT_FILE=ca.pem, a file with the authority's certificate."
        : $"SSL_CERT_FILE is {file}, and there is no such file.";
}
